-- needs: record
-- A record as its reader gets it. What says whether it is the reader's to see, and in which state, comes first.

local LEASE, TYPE = #SEEN_BY + 1, #SEEN_BY + 2
local LOOKED_AT = {unpack(SEEN_BY)}
LOOKED_AT[LEASE], LOOKED_AT[TYPE] = 'lease_until', 'type'

-- The names of what is looked at, and of these fields behind.
local function with(fields)
  local names = {unpack(LOOKED_AT)}
  for _, name in ipairs(fields) do names[#names + 1] = name end
  return names
end

-- The state in which `owner` ('' for anybody) sees the job, else nil; then why not ('damaged' or what `seen` says), and
-- the values of these names, which begin with what is looked at.
local function look(id, owner, names)
  local values = redis.pcall('HMGET', record_key(id), unpack(names))
  if values.err then return nil, 'damaged' end
  if settled(id, owner, values) then values = redis.call('HMGET', record_key(id), unpack(names)) end
  local state, why = seen(id, owner, values)
  return state, why, values
end

-- 1 where its lease has lapsed, 2 where no living worker knows its type, else 0.
local function stalled(state, values)
  if state == 'running' then return (tonumber(values[LEASE]) or 0) < now and 1 or 0 end
  local queue, type, due_ms = values[6], values[TYPE], tonumber(values[4]) or 0
  return state == 'queued' and queue and type and not is_staffed(queue, type, due_ms) and 2 or 0
end

-- {'record', bytes of the result if it was left out else 0, result, state, stalled, now in ms, in how many ms the job is
-- expected to have ended (0: nobody says), then the values behind those of what is looked at}
local function record_row(state, values, left_out, result, expected_ms)
  return {'record', left_out, result, state, stalled(state, values), now, expected_ms or 0, unpack(values, TYPE + 1)}
end
