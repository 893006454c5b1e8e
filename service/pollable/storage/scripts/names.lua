-- Keys, built from ids. ARGV[1] is our key prefix, ARGV[2] RQ's; both end in a colon.
-- Scripts whose keys are not declared need one Redis, no cluster; RQ needs the same.
local OURS, RQ = ARGV[1], ARGV[2]
local LEASES = OURS .. 'leases'

local function record_key(id) return OURS .. 'job:' .. id end
local function pending_key(queue) return OURS .. 'pending:' .. queue end
local function types_key(queue) return OURS .. 'types:' .. queue end
local function bell_key(queue, type) return OURS .. 'bell:' .. queue .. ':' .. type end
-- '' stands for everyone.
local function owner_key(owner) return OURS .. (owner == '' and 'everyones' or 'owner:' .. owner) end
local function changed_channel(id) return OURS .. 'changed:' .. id end
local function rq_key(id) return RQ .. 'job:' .. id end
local function queue_key(queue) return RQ .. 'queue:' .. queue end

-- Names of fields come joined by spaces.
local function split(names)
  local list = {}
  for name in string.gmatch(names, '%S+') do list[#list + 1] = name end
  return list
end
