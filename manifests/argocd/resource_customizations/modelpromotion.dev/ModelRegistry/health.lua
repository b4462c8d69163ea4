-- A registry is healthy when it answers.
local hs = { status = "Progressing", message = "Waiting for modelpromotion" }

if obj.status == nil or obj.status.conditions == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return hs
end
for _, found in ipairs(obj.status.conditions) do
  if found.type == "Ready" then
    hs.message = found.message
    if found.status == "True" then
      hs.status = "Healthy"
    elseif found.status == "False" then
      hs.status = "Degraded"
    end
  end
end
return hs
