-- What every script that writes a record shares. ARGV[1] is our key prefix, ARGV[2] RQ's; both end in a colon.
-- Keys are built from ids here, so these scripts need one Redis, no cluster; RQ needs the same.
local OURS, RQ = ARGV[1], ARGV[2]

-- An ended record outlives its own end of life by this much, so that RQ's hash (which RQ itself gives the same
-- time to live, a little later) is never all that is left of a job. Reads go by the record's expires_at.
local TOMBSTONE_MS = 60000

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function record_key(id) return OURS .. 'job:' .. id end
local function rq_key(id) return RQ .. 'job:' .. id end
local function pending_key(queue) return OURS .. 'pending:' .. queue end
local function queue_key(queue) return RQ .. 'queue:' .. queue end
local LEASES = OURS .. 'leases'

local function field(id, name) return redis.call('HGET', record_key(id), name) end

-- RQ's traces of an execution that is over: registry of started jobs, execution hashes, the job's own list of them.
local function forget_executions(id, queue)
  local executions = RQ .. 'executions:' .. id
  for _, execution in ipairs(redis.call('ZRANGE', executions, 0, -1)) do
    redis.call('ZREM', RQ .. 'wip:' .. queue, id .. ':' .. execution)
    redis.call('DEL', RQ .. 'execution:' .. id .. ':' .. execution)
  end
  redis.call('DEL', executions)
end

-- Final: no lease, not pending, and every key of the job ends after ttl_s seconds.
local function finish(id, queue, state, ttl_s)
  local expires_at = now + ttl_s * 1000
  redis.call('HSET', record_key(id), 'state', state, 'ended_at', now, 'updated_at', now, 'expires_at', expires_at)
  redis.call('HDEL', record_key(id), 'lease_until', 'unseen_since')
  redis.call('PEXPIREAT', record_key(id), expires_at + TOMBSTONE_MS)
  redis.call('ZREM', LEASES, id)
  redis.call('ZREM', pending_key(queue), id)
  redis.call('PEXPIREAT', rq_key(id), expires_at)
  redis.call('PEXPIREAT', RQ .. 'results:' .. id, expires_at)
end

-- Waiting again, due at due_ms; whoever calls this pushes the id, or leaves that to RQ.
local function wait_again(id, queue, due_ms)
  local state = due_ms > now and 'scheduled' or 'queued'
  redis.call('HSET', record_key(id), 'state', state, 'run_at', due_ms, 'updated_at', now, 'progress', 0)
  redis.call('HDEL', record_key(id), 'lease_until', 'unseen_since', 'message')
  redis.call('ZREM', LEASES, id)
  redis.call('ZADD', pending_key(queue), due_ms, id)
end

-- To the front of the queue: it has waited its turn already.
local function push_back(id, queue)
  redis.call('LREM', queue_key(queue) .. ':intermediate', 0, id)
  redis.call('ZREM', RQ .. 'scheduled:' .. queue, id)
  redis.call('ZREM', RQ .. 'failed:' .. queue, id)
  redis.call('LPUSH', queue_key(queue), id)
  redis.call('HSET', rq_key(id), 'status', 'queued')
  redis.call('HDEL', record_key(id), 'unseen_since')
end

-- An attempt that RQ will never hear of again used up one of its retries.
local function spend_rq_retry(id)
  local left = tonumber(redis.call('HGET', rq_key(id), 'retries_left') or 0)
  if left and left > 0 then redis.call('HSET', rq_key(id), 'retries_left', left - 1) end
end

-- What rq-dashboard shows of a job that ended while no RQ code was there to say so.
local function show_in_rq(id, queue, status, ttl_s, why)
  if redis.call('EXISTS', rq_key(id)) == 0 then return end
  redis.call('HSET', rq_key(id), 'status', status, 'exc_info', why)
  redis.call('PEXPIREAT', rq_key(id), now + ttl_s * 1000)
  redis.call('ZADD', RQ .. 'failed:' .. queue, math.floor(now / 1000) + ttl_s, id)
end

-- The worker of a running attempt is gone: another attempt, or the end. Returns what became of the job.
local function abandon(id, queue)
  local record = record_key(id)
  local attempt, allowed, ttl_s, cancelled = unpack(
    redis.call('HMGET', record, 'attempt', 'max_attempts', 'failure_ttl_s', 'cancel_requested'))
  forget_executions(id, queue)
  redis.call('HDEL', record, 'token')
  if cancelled or redis.call('EXISTS', rq_key(id)) == 0 then
    finish(id, queue, 'cancelled', tonumber(ttl_s))
    show_in_rq(id, queue, 'stopped', tonumber(ttl_s), 'Stopped on request.')
    return 'cancelled'
  end
  if tonumber(attempt) < tonumber(allowed) then
    wait_again(id, queue, now)
    push_back(id, queue)
    spend_rq_retry(id)
    return 'queued'
  end
  local why = 'The worker that ran the job was lost.'
  redis.call('HSET', record, 'error_code', 'worker_lost', 'error_message', why)
  finish(id, queue, 'failed', tonumber(ttl_s))
  show_in_rq(id, queue, 'failed', tonumber(ttl_s), why)
  redis.call('HSET', record, 'rq_enqueued_at', redis.call('HGET', rq_key(id), 'enqueued_at') or '')
  return 'failed'
end

-- An operator requeued a failed job (rq-dashboard, `rq requeue`): RQ then stamps its hash with a new enqueued_at.
local function is_requeued(id)
  local status, enqueued_at = unpack(redis.call('HMGET', rq_key(id), 'status', 'enqueued_at'))
  if not status or status == 'failed' or status == 'stopped' then return false end
  return (enqueued_at or '') ~= (field(id, 'rq_enqueued_at') or '')
end

-- The one door out of a final state.
local function reopen(id, queue)
  local record = record_key(id)
  local attempt, allowed = unpack(redis.call('HMGET', record, 'attempt', 'max_attempts'))
  redis.call('HDEL', record, 'ended_at', 'expires_at', 'error_code', 'error_message', 'done_token')
  redis.call('HSET', record, 'state', 'queued', 'updated_at', now, 'run_at', now,
    'max_attempts', math.max(tonumber(allowed), tonumber(attempt) + 1))
  redis.call('PERSIST', record)
  redis.call('PERSIST', rq_key(id))
  redis.call('ZADD', pending_key(queue), now, id)
end
