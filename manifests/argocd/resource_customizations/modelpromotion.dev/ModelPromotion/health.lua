-- A promotion is healthy when the registry is as it declares.
local hs = { status = "Progressing", message = "Waiting for modelpromotion" }

local function condition(kind)
  if obj.status == nil or obj.status.conditions == nil then
    return nil
  end
  for _, found in ipairs(obj.status.conditions) do
    if found.type == kind then
      return found
    end
  end
  return nil
end

-- What was not looked at since it changed says nothing of what is declared now.
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return hs
end

local ready = condition("Ready")
if obj.spec ~= nil and obj.spec.suspend == true then
  hs.status = "Suspended"
  hs.message = "The registry is left alone until spec.suspend is false"
  return hs
end

local stalled = condition("Stalled")
if stalled ~= nil and stalled.status == "True" then
  hs.status = "Degraded"
  hs.message = stalled.message
  return hs
end

if ready == nil then
  return hs
end
hs.message = ready.message
if ready.status == "True" then
  hs.status = "Healthy"
elseif string.find(ready.reason or "", "Approval") ~= nil then
  -- A sync wave waits for people, and does not fail meanwhile.
  hs.status = "Suspended"
end
return hs
