-- needs: row durations window
-- Reads many jobs in one call. Nothing here writes but the quota, what an operator did on RQ's side meanwhile, and
-- that an end was read.
-- ARGV: our prefix, RQ's prefix, whether jobs of other code are shown (1 or 0), the RQ data of jobs that are ours, the
-- names of the record's fields that are wanted and those of RQ's hash (each joined by spaces), how many bytes a result may
-- have and all results together ('' twice: any), then for each job 8 lines of one text: id, owner ('' for any), the id as it was
-- given, whether its end is to be foretold (1 or 0; - where the caller is only counted), quota key ('' for none), quota
-- limit, quota window_ms, the ended job that the caller knows already (version-updated_at, '' for none).
-- Reply, for each job, {what window.lua says of the quota, or {} where there is none or Redis refuses to count; a row}.
-- A row is {'limited'}, {'same'} (as the caller knows it, and large; or only counted) or one of
--   a record's (row.lua)
--   {'foreign', bytes of what was left out or 0, id, now, when it expires (ms, 0 for never), {values of RQ's fields},
--   {newest result's fields and values}, {when it lapses, in seconds}}, {'expired'}, {'missing'} or {'damaged'}.
local foreign, OUR_DATA = ARGV[3] == '1', ARGV[4]
local NAMES, RQ_FIELDS = with(split(ARGV[5])), split(ARGV[6])
local AT = {}
for at, name in ipairs(NAMES) do AT[name] = at end
local LARGE, left = tonumber(ARGV[7]) or math.huge, tonumber(ARGV[8]) or math.huge

-- Whether so many bytes may travel with this call's other jobs.
local function fits(bytes)
  if bytes > LARGE or bytes > left then return false end
  left = left - bytes
  return true
end

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

-- Takes what is large out of a list of texts, if together they do not fit: its bytes.
local function lightened(texts)
  local bytes = 0
  for at = 1, #texts do bytes = bytes + (texts[at] and #texts[at] or 0) end
  if fits(bytes) then return 0 end
  for at = 1, #texts do
    if texts[at] and #texts[at] > 4000 then texts[at] = '' end
  end
  return bytes
end

local function read_foreign(id)
  local key = rq_key(id)
  -- pcall: a key that is not of RQ's type is no reason to fail the other jobs of this call.
  local data = redis.pcall('HGET', key, 'data')
  -- RQ's heartbeat can leave a hash behind that is no job; and a hash of ours without its record is no longer a job.
  if type(data) ~= 'string' or data == OUR_DATA then return nil end
  local values = redis.call('HMGET', key, unpack(RQ_FIELDS))
  local newest = redis.pcall('XREVRANGE', RQ .. 'results:' .. id, '+', '-', 'COUNT', 1)
  local outcome = newest[1] and newest[1][2] or {}
  local lapsing = values[1] == 'started' and lapses_at(id, values[2] or '') or {}
  -- By Redis' clock, which does not tell two readers different moments.
  local ttl_ms = redis.call('PTTL', key)
  local left_out = lightened(values) + lightened(outcome)
  return {'foreign', left_out, id, now, ttl_ms > 0 and now + ttl_ms or 0, values, outcome, lapsing}
end

-- The bytes of the result where it does not fit, and the result where it does.
local function result_of(id, state)
  if state ~= 'succeeded' then return 0, false end
  local bytes = redis.call('HSTRLEN', record_key(id), 'result')
  if not fits(bytes) then return bytes, false end
  return 0, redis.call('HGET', record_key(id), 'result')
end

-- Somebody else's job costs what an id that never was costs, in either spelling, so that time tells nothing.
local function not_found(id, owner, given, is_there)
  if foreign and given == id then redis.pcall('HGET', rq_key(id), 'data') end
  if not is_there then return foreign and read_foreign(id) or gone(id, owner) end
  if foreign then redis.pcall('HGET', rq_key(id), 'data') end
  return gone(id, owner)
end

-- What is less comes whole all the same: whoever has it at hand then need not ask again.
local SPARED = 8192

-- Of an ended job nothing changes but with its version; of any other, time may. Only a result can be large.
local function is_same(id, state, values, known)
  if known == '' or state ~= 'succeeded' then return false end
  if known ~= (values[AT.version] or '') .. '-' .. (values[AT.updated_at] or '') then return false end
  return redis.call('HSTRLEN', record_key(id), 'result') > SPARED
end

local function read(id, owner, given, known, is_foretold)
  -- By the very name that RQ may have for it, before any other spelling.
  local named = foreign and given ~= id and read_foreign(given)
  if named then return named end
  -- Alone: what there is of another's record takes longer to fetch than what there is of none.
  local owned_by = redis.pcall('HGET', record_key(id), 'owner')
  if not owned_by or (type(owned_by) == 'string' and owner ~= '' and owned_by ~= owner) then
    return not_found(id, owner, given, owned_by)
  end
  local state, why, values = look(id, owner, NAMES)
  if not state then return {why} end
  if is_same(id, state, values, known) then return {'same'} end
  -- pcall: a Redis that refuses to write still tells what it has. Of an id that is not there this writes nothing.
  if state == 'succeeded' or state == 'failed' then redis.pcall('ZREM', UNREAD, id) end
  local left_out, result = result_of(id, state)
  local foretold = is_foretold and expected_ms(state, values[AT.type], values[AT.queue], values[AT.run_at], values[AT.started_at])
  return record_row(state, values, left_out, result, foretold)
end

local function count(key, limit, window_ms)
  if key == '' then return {} end
  local verdict = {pcall(window, key, tonumber(limit), tonumber(window_ms), now, 1)}
  return verdict[1] and {unpack(verdict, 2)} or {}
end

local replies = {}
for at = 9, #ARGV do
  local asked = {}
  for line in string.gmatch(ARGV[at] .. '\n', '(.-)\n') do asked[#asked + 1] = line end
  local id, owner, given, foretold, quota, limit, window_ms, known = unpack(asked)
  local verdict = count(quota or '', limit, window_ms)
  local row = {'limited'}
  if verdict[1] ~= 0 and foretold == '-' then
    row = {'same'}
  elseif verdict[1] ~= 0 then
    row = read(id, owner or '', given or '', known or '', foretold == '1')
  end
  replies[#replies + 1] = {verdict, row}
end
return replies
