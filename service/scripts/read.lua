-- needs: gcra
-- Reads many jobs in one call. Nothing here writes but the quota.
-- ARGV: our prefix, RQ's prefix, whether jobs of other code are shown (1 or 0), the RQ data of jobs that are ours, then for
-- each job 5 values: id, owner ('' for any), quota key ('' for none), quota limit, quota window_ms.
-- Reply, for each job, one of
--   {'record', stalled (1 or 0), then the values in the order of FIELDS}
--   {'foreign', ttl_ms, {values in the order of RQ_FIELDS}, {newest result's fields and values}}
--   {'expired'}, {'missing'} or {'limited', 0, remaining, reset_ms, retry_after_ms}.
local OURS, RQ, foreign, OUR_DATA = ARGV[1], ARGV[2], ARGV[3] == '1', ARGV[4]
local FIELDS = {'state', 'owner', 'expires_at', 'run_at', 'lease_until', 'type', 'queue', 'attempt', 'max_attempts',
  'created_at', 'started_at', 'ended_at', 'updated_at', 'progress', 'message', 'result', 'error_code',
  'error_message', 'context', 'original_id', 'cancel_requested', 'never_ran', 'rq_enqueued_at'}
local RQ_FIELDS = {'status', 'origin', 'description', 'created_at', 'enqueued_at', 'started_at', 'ended_at',
  'last_heartbeat', 'result', 'exc_info'}

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function gone(id, owner)
  if redis.call('ZSCORE', OURS .. 'owner:' .. owner, id) then return {'expired'} end
  return {'missing'}
end

local function read_foreign(id)
  local key = RQ .. 'job:' .. id
  -- pcall: a key that is not of RQ's type is no reason to fail the other jobs of this call.
  local data = redis.pcall('HGET', key, 'data')
  -- RQ's heartbeat can leave a hash behind that is no job; and a hash of ours without its record is no longer a job.
  if type(data) ~= 'string' or data == OUR_DATA then return nil end
  local values = redis.call('HMGET', key, unpack(RQ_FIELDS))
  local newest = redis.pcall('XREVRANGE', RQ .. 'results:' .. id, '+', '-', 'COUNT', 1)
  return {'foreign', redis.call('PTTL', key), values, newest[1] and newest[1][2] or {}}
end

-- An operator requeued the failed job; the worker that claims it will write so.
local function is_requeued(id, known_enqueued_at)
  local status, enqueued_at = unpack(redis.call('HMGET', RQ .. 'job:' .. id, 'status', 'enqueued_at'))
  if not status or status == 'failed' or status == 'stopped' then return false end
  return (enqueued_at or '') ~= (known_enqueued_at or '')
end

local function read(id, owner)
  local values = redis.call('HMGET', OURS .. 'job:' .. id, unpack(FIELDS))
  local state, owned_by, expires_at = values[1], values[2], tonumber(values[3])
  if not state then return foreign and read_foreign(id) or gone(id, owner) end
  if owner ~= '' and owner ~= owned_by then
    -- Somebody else's job costs what an id that never was costs, so that time tells nothing.
    if foreign then redis.pcall('HGET', RQ .. 'job:' .. id, 'data') end
    return gone(id, owner)
  end
  if state == 'failed' and is_requeued(id, values[23]) then
    values[1] = 'queued'
  elseif expires_at and now >= expires_at then
    return {'expired'}
  elseif state == 'scheduled' and tonumber(values[4]) <= now then
    values[1] = 'queued'
  end
  local stalled = state == 'running' and tonumber(values[5] or 0) < now
  return {'record', stalled and 1 or 0, unpack(values)}
end

local replies = {}
for at = 5, #ARGV, 5 do
  local id, owner, quota = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local limited
  if quota ~= '' then
    local allowed, remaining, reset_ms, retry_ms = gcra(quota, tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), now)
    if allowed == 0 then limited = {'limited', 0, remaining, reset_ms, retry_ms} end
  end
  replies[#replies + 1] = limited or read(id, owner)
end
return replies
