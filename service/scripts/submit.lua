-- needs: record
-- Stores and queues jobs, each whole or not at all.
-- ARGV: our prefix, RQ's prefix, RQ's data bytes, seconds that an idempotency key is kept, then for each job 19 values:
-- id, type, queue, owner, payload, max_attempts, timeout_s, result_ttl_s, failure_ttl_s, retry_delays
-- (JSON), context (JSON), original_id, run_at (ms), delay_ms, depth allowed, idempotency digest, fingerprint, retries,
-- the client's time as RQ writes it.
-- What does not apply is ''.
-- Reply, for each job: {'stored', created_at, run_at}, {'replayed', id, created_at, run_at}, {'reused'} or {'full', depth}.
local DATA, IDEMPOTENCY_S, WIDTH = ARGV[3], tonumber(ARGV[4]), 19
local DAY_MS, OWNED_AT_MOST, OWNER_TTL_S = 86400000, 100000, 40 * 86400

-- The list keeps ids of jobs that have expired, to tell "expired" from "never was": for a day, and 100,000 at most.
local function prune(owned)
  for _ = 1, 2 do
    local oldest = redis.call('ZRANGE', owned, 0, 0, 'WITHSCORES')
    if #oldest == 0 then return end
    local is_old = tonumber(oldest[2]) < now - DAY_MS or redis.call('ZCARD', owned) > OWNED_AT_MOST
    if not is_old or redis.call('EXISTS', record_key(oldest[1])) == 1 then return end
    redis.call('ZREM', owned, oldest[1])
  end
end

local function replay(key, fingerprint)
  local id, known, created_at, run_at = unpack(redis.call('HMGET', key, 'id', 'fingerprint', 'created_at', 'run_at'))
  if not id then return nil end
  if known ~= fingerprint then return {'reused'} end
  return {'replayed', id, created_at, run_at}
end

local function write_record(job, run_at)
  local record = record_key(job.id)
  redis.call('HSET', record, 'type', job.type, 'queue', job.queue, 'owner', job.owner, 'payload', job.payload,
    'max_attempts', job.max_attempts, 'timeout_s', job.timeout_s, 'result_ttl_s', job.result_ttl_s,
    'failure_ttl_s', job.failure_ttl_s, 'retry_delays', job.retry_delays, 'context', job.context,
    'state', run_at > now and 'scheduled' or 'queued', 'attempt', 0, 'progress', 0,
    'created_at', now, 'updated_at', now, 'run_at', run_at)
  if job.original_id ~= '' then redis.call('HSET', record, 'original_id', job.original_id) end
end

-- Field for field what rq.Queue.enqueue and enqueue_at write.
local function write_rq_hash(job, run_at)
  local hash = rq_key(job.id)
  redis.call('HSET', hash, 'created_at', job.stamp, 'data', DATA, 'success_callback_name', '',
    'failure_callback_name', '', 'stopped_callback_name', '', 'started_at', '', 'ended_at', '', 'last_heartbeat', '',
    'worker_name', '', 'group_id', '', 'origin', job.queue, 'description', job.type, 'timeout', job.timeout_s,
    'result_ttl', job.result_ttl_s, 'failure_ttl', job.failure_ttl_s,
    'status', run_at > now and 'scheduled' or 'queued')
  if job.retries ~= '' then
    redis.call('HSET', hash, 'retries_left', job.retries, 'retry_intervals', job.retry_delays)
  end
end

local function enqueue(job, run_at)
  redis.call('SADD', RQ .. 'queues', queue_key(job.queue))
  redis.call('ZADD', pending_key(job.queue), run_at, job.id)
  if run_at > now then
    redis.call('ZADD', RQ .. 'scheduled:' .. job.queue, math.ceil(run_at / 1000), job.id)
  else
    redis.call('HSET', rq_key(job.id), 'enqueued_at', job.stamp)
    redis.call('RPUSH', queue_key(job.queue), job.id)
  end
end

local function remember(job, run_at)
  local owned = OURS .. 'owner:' .. job.owner
  redis.call('ZADD', owned, now, job.id)
  redis.call('EXPIRE', owned, OWNER_TTL_S)
  prune(owned)
  if job.digest == '' then return end
  local key = OURS .. 'idem:' .. job.owner .. ':' .. job.digest
  redis.call('HSET', key, 'id', job.id, 'fingerprint', job.fingerprint, 'created_at', now, 'run_at', run_at)
  redis.call('EXPIRE', key, IDEMPOTENCY_S)
end

local function store(job)
  -- Sent again because the reply was lost: it was accepted the first time.
  local created_at, planned = unpack(redis.call('HMGET', record_key(job.id), 'created_at', 'run_at'))
  if created_at then return {'stored', created_at, planned} end
  if job.digest ~= '' then
    local answered = replay(OURS .. 'idem:' .. job.owner .. ':' .. job.digest, job.fingerprint)
    if answered then return answered end
  end
  local depth = redis.call('ZCARD', pending_key(job.queue))
  if depth >= tonumber(job.depth) then return {'full', depth} end
  local run_at = now
  if job.delay_ms ~= '' then run_at = now + tonumber(job.delay_ms) end
  if job.run_at ~= '' then run_at = math.max(now, tonumber(job.run_at)) end
  write_record(job, run_at)
  write_rq_hash(job, run_at)
  enqueue(job, run_at)
  remember(job, run_at)
  return {'stored', tostring(now), tostring(run_at)}
end

local replies = {}
for at = 5, #ARGV, WIDTH do
  local job = {
    id = ARGV[at], type = ARGV[at + 1], queue = ARGV[at + 2], owner = ARGV[at + 3], payload = ARGV[at + 4],
    max_attempts = ARGV[at + 5], timeout_s = ARGV[at + 6], result_ttl_s = ARGV[at + 7], failure_ttl_s = ARGV[at + 8],
    retry_delays = ARGV[at + 9], context = ARGV[at + 10], original_id = ARGV[at + 11], run_at = ARGV[at + 12],
    delay_ms = ARGV[at + 13], depth = ARGV[at + 14], digest = ARGV[at + 15], fingerprint = ARGV[at + 16],
    retries = ARGV[at + 17], stamp = ARGV[at + 18],
  }
  replies[#replies + 1] = store(job)
end
return replies
