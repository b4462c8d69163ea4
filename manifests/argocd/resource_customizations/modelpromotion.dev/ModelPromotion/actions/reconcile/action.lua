local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["modelpromotion.dev/reconcileAt"] = "By Argo CD at: " .. os.date("!%Y-%m-%dT%X")
return obj
