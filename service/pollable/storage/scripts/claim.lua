-- needs: record
-- Begins an attempt, once: queued -> running with a token and a lease; and notes in RQ's books what RQ's own worker would.
-- ARGV: our prefix, RQ's prefix, id, token, lease_ms, the job types that the claimant knows (joined by spaces), RQ's name of
-- the worker ('' where RQ keeps its books itself: a plain `rq worker`), the time as RQ writes it, the most seconds until the
-- worker is heard of again, then the names of the record's fields that it wants. The token is also the id of RQ's execution.
-- Reply: {'claimed', RQ's hash, the values of those fields} or {'refused', why}: the state that it is in, 'missing' or
-- 'unknown_type'.
local id, token, lease_ms = ARGV[3], ARGV[4], tonumber(ARGV[5])
local worker, stamp, beat_s = ARGV[7], ARGV[8], tonumber(ARGV[9])
local record = record_key(id)
local state, queue, current, type, handed_over = unpack(
  redis.call('HMGET', record, 'state', 'queue', 'token', 'type', 'handed_over'))
if not state then return {'refused', 'missing'} end

local function answer()
  return {'claimed', redis.call('HGETALL', rq_key(id)), unpack(redis.call('HMGET', record, unpack(ARGV, 10)))}
end

local function is_known()
  for _, known in ipairs(split(ARGV[6])) do
    if known == type then return true end
  end
  return false
end

redis.call('LREM', queue_key(queue) .. ':intermediate', 0, id)
-- Sent again because the reply was lost.
if state == 'running' and current == token then return answer() end
if is_reopened(id, state) then
  reopen(id, queue)
elseif not WAITING[state] then
  return {'refused', state}
elseif is_called_off(id, state, queue, handed_over) then
  heed(id, queue)
  return {'refused', 'cancelled'}
end
if not is_known() then
  redis.call('HDEL', record, 'takings')
  offer_to_ours(id, queue)
  return {'refused', 'unknown_type'}
end

-- RQ 3.0: `prepare_execution` of the worker and `prepare_job_execution` of its work-horse.
local function tell_rq()
  local now_s, together = math.floor(now / 1000), id .. ':' .. token
  local worker_key, executions = RQ .. 'worker:' .. worker, RQ .. 'worker:' .. worker .. ':executions'
  beat_s = 60 + math.min(beat_s, tonumber(redis.call('HGET', record, 'timeout_s')))
  redis.call('HSET', RQ .. 'execution:' .. together, 'id', token, 'job_id', id, 'created_at', now / 1000,
    'last_heartbeat', now / 1000, 'worker_name', worker)
  redis.call('EXPIRE', RQ .. 'execution:' .. together, beat_s)
  redis.call('ZADD', RQ .. 'executions:' .. id, now_s + beat_s + 60, token)
  redis.call('EXPIRE', RQ .. 'executions:' .. id, beat_s + 60)
  redis.call('ZADD', RQ .. 'wip:' .. queue, now_s + beat_s, together)
  redis.call('SADD', executions, together)
  redis.call('EXPIRE', executions, beat_s)
  redis.call('HSET', rq_key(id), 'status', 'started', 'started_at', stamp, 'last_heartbeat', stamp, 'worker_name', worker)
  -- Where it is gone, after a FLUSHALL, the worker registers again itself.
  if redis.call('EXISTS', worker_key) == 0 then return end
  redis.call('HSET', worker_key, 'state', 'busy', 'last_heartbeat', stamp)
  redis.call('EXPIRE', worker_key, beat_s)
end

local lease_until = now + lease_ms
redis.call('HINCRBY', record, 'attempt', 1)
redis.call('HSET', record, 'state', 'running', 'token', token, 'lease_until', lease_until, 'updated_at', now,
  'progress', 0)
redis.call('HSETNX', record, 'started_at', now)
redis.call('HDEL', record, 'unseen_since', 'handed_over', 'takings', 'message')
redis.call('ZREM', pending_key(queue), id)
redis.call('ZREM', RQ .. 'scheduled:' .. queue, id)
redis.call('ZADD', LEASES, lease_until, id)
redis.call('PERSIST', rq_key(id))
changed(id)
count_start(id, type, queue)
if worker ~= '' then tell_rq() end
return answer()
