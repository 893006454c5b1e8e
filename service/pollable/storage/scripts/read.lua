-- needs: record window
-- Reads many jobs in one call. Nothing here writes but the quota, and what an operator did on RQ's side meanwhile.
-- ARGV: our prefix, RQ's prefix, whether jobs of other code are shown (1 or 0), the RQ data of jobs that are ours, the
-- names of the record's fields that are wanted and those of RQ's hash (each joined by spaces), then for each job 6 values:
-- id, owner ('' for any), quota key ('' for none), quota limit, quota window_ms, the id as it was given.
-- Reply, for each job, {what window.lua says of the quota, or {} where there is none or Redis refuses to count; a row}.
-- A row is {'limited'} or one of
--   {'record', state as its caller sees it, stalled, now in ms, then the values of the record's fields}; stalled is 0, 1
--   (its lease has lapsed) or 2 (no living worker knows its type)
--   {'foreign', id, now, when it expires (ms, 0 for never), {values of RQ's fields}, {newest result's fields and values},
--   {when it lapses, in seconds}}, {'expired'}, {'missing'} or {'damaged'}.
local foreign, OUR_DATA = ARGV[3] == '1', ARGV[4]

local OWN = #SEEN_BY + 1
local FIELDS = {unpack(SEEN_BY)}
FIELDS[OWN], FIELDS[OWN + 1] = 'lease_until', 'type'
for _, name in ipairs(split(ARGV[5])) do FIELDS[#FIELDS + 1] = name end

local function gone(id, owner)
  if type(redis.pcall('ZSCORE', owner_key(owner), id)) == 'string' then return {'expired'} end
  return {'missing'}
end

-- When RQ takes a running job for lost: RQ 1 has the job itself in its registry, RQ 2 and 3 each execution of it.
local function lapses_at(id, queue)
  local scores, members = {}, {id}
  for _, execution in ipairs(redis.pcall('ZRANGE', RQ .. 'executions:' .. id, -8, -1)) do
    members[#members + 1] = id .. ':' .. execution
  end
  for _, member in ipairs(members) do
    local score = redis.pcall('ZSCORE', RQ .. 'wip:' .. queue, member)
    if type(score) == 'string' then scores[#scores + 1] = score end
  end
  return scores
end

local function read_foreign(id)
  local key = rq_key(id)
  -- pcall: a key that is not of RQ's type is no reason to fail the other jobs of this call.
  local data = redis.pcall('HGET', key, 'data')
  -- RQ's heartbeat can leave a hash behind that is no job; and a hash of ours without its record is no longer a job.
  if type(data) ~= 'string' or data == OUR_DATA then return nil end
  local values = redis.call('HMGET', key, unpack(split(ARGV[6])))
  local newest = redis.pcall('XREVRANGE', RQ .. 'results:' .. id, '+', '-', 'COUNT', 1)
  local lapsing = values[1] == 'started' and lapses_at(id, values[2] or '') or {}
  -- By Redis' clock, which does not tell two readers different moments.
  local ttl_ms = redis.call('PTTL', key)
  return {'foreign', id, now, ttl_ms > 0 and now + ttl_ms or 0, values, newest[1] and newest[1][2] or {}, lapsing}
end

local function stalled(state, values)
  if state == 'running' then return (tonumber(values[OWN]) or 0) < now and 1 or 0 end
  local queue, type, due_ms = values[6], values[OWN + 1], tonumber(values[4]) or 0
  return state == 'queued' and queue and type and not is_staffed(queue, type, due_ms) and 2 or 0
end

local function read(id, owner, given)
  -- By the very name that RQ may have for it, before any other spelling.
  local named = foreign and given ~= id and read_foreign(given)
  if named then return named end
  local values = redis.pcall('HMGET', record_key(id), unpack(FIELDS))
  if values.err then return {'damaged'} end
  if settled(id, owner, values) then values = redis.call('HMGET', record_key(id), unpack(FIELDS)) end
  local state, why = seen(id, owner, values)
  if why == 'expired' then return {'expired'} end
  if why == 'missing' then return foreign and read_foreign(id) or gone(id, owner) end
  if why == 'theirs' then
    -- Somebody else's job costs what an id that never was costs, so that time tells nothing.
    if foreign then redis.pcall('HGET', rq_key(id), 'data') end
    return gone(id, owner)
  end
  return {'record', state, stalled(state, values), now, unpack(values, OWN + 2)}
end

local function count(key, limit, window_ms)
  if key == '' then return {} end
  local verdict = {pcall(window, key, tonumber(limit), tonumber(window_ms), now, 1)}
  return verdict[1] and {unpack(verdict, 2)} or {}
end

local replies = {}
for at = 7, #ARGV, 6 do
  local verdict = count(ARGV[at + 2], ARGV[at + 3], ARGV[at + 4])
  local row = verdict[1] == 0 and {'limited'} or read(ARGV[at], ARGV[at + 1], ARGV[at + 5])
  replies[#replies + 1] = {verdict, row}
end
return replies
