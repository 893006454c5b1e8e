-- needs: record durations
-- Ends an attempt: the first final write wins, and only the current token may write.
-- ARGV: our prefix, RQ's prefix, id, token, outcome, result, code, message, may retry (1 or 0), delay_ms, whether RQ puts
-- a job that is tried again back on its way (1, under a plain `rq worker`; else 0), then for RQ's books: the worker's name ('' for
-- none, as in claim.lua), the time as RQ writes it, and of a success RQ's result in base64 ('' for none).
-- Outcomes: 'succeeded' (with the result), 'failed' (with code and message), 'stopped' (on request), 'released' (the worker
-- is going away).
-- Reply: {'ended', state, '1' where memory is short and the payload was freed, '1' where RQ's books of a success are kept},
-- {'retry', state, delay_ms, attempts left}, {'released', state} or {'refused', state}.
local id, token, outcome, result, code, message = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local may_retry, delay_ms, rq_pushes = ARGV[9] == '1', tonumber(ARGV[10]), ARGV[11] == '1'
local worker, stamp, rq_result = ARGV[12], ARGV[13], ARGV[14]
local record = record_key(id)
local state, current, queue, attempt, allowed, result_ttl_s, failure_ttl_s, done = unpack(redis.call('HMGET', record,
  'state', 'token', 'queue', 'attempt', 'max_attempts', 'result_ttl_s', 'failure_ttl_s', 'done_token'))

if not state then return {'refused', 'missing'} end
local left = tonumber(allowed) - tonumber(attempt)
if done == token then
  -- Sent again because the reply was lost: the same answer.
  if outcome == 'released' then return {'released', state} end
  if WAITING[state] then return {'retry', state, delay_ms, left} end
  -- Another worker has the next attempt by now, or an operator deleted the job.
  local is_over = state ~= 'running' and redis.call('EXISTS', rq_key(id)) == 1
  local is_noted = redis.call('ZSCORE', RQ .. 'finished:' .. queue, id)
  return {is_over and 'ended' or 'refused', state, '', is_noted and '1' or ''}
end
use_headroom()
if state ~= 'running' or current ~= token then
  redis.call('HINCRBY', record, 'late_outcomes', 1)
  return {'refused', state}
end

redis.call('HSET', record, 'done_token', token)
-- What RQ's own worker would note of any execution that is over. The worker's hash may be gone, after a FLUSHALL.
local worker_key, together = RQ .. 'worker:' .. worker, id .. ':' .. token
local began = redis.call('HGET', RQ .. 'execution:' .. together, 'created_at') or now / 1000
if worker ~= '' then
  redis.call('SREM', worker_key .. ':executions', together)
  if redis.call('EXISTS', worker_key) == 1 then redis.call('HSET', worker_key, 'state', 'idle') end
end
-- RQ's stop command kills the horse; who asked for that is in the record.
if code == 'killed' and redis.call('HGET', record, 'cancel_requested') then outcome = 'stopped' end
if outcome == 'released' then return {'released', abandon(id, queue)} end
redis.call('HDEL', record, 'token')
if redis.call('EXISTS', rq_key(id)) == 0 then
  -- An operator deleted it; RQ's bookkeeping of this attempt would bring its hash back.
  finish(id, queue, 'cancelled', tonumber(failure_ttl_s))
  return {'refused', 'cancelled'}
end
-- RQ writes its own status next; should the worker die before, its dashboards are right all the same.
local function tell_rq(status)
  redis.call('HSET', rq_key(id), 'status', status)
  if worker ~= '' then redis.call('HSET', rq_key(id), 'last_heartbeat', stamp) end
  forget_executions(id, queue)
end

-- RQ 3.0: `handle_job_success`, for a job that nobody waits for; who waits is RQ's to find out. Whether it was done.
local function keep_books()
  if worker == '' or redis.call('EXISTS', RQ .. 'job:' .. id .. ':dependents') == 1 then return '' end
  local result = {'type', 1, 'worker_name', worker}
  if rq_result ~= '' then result[5], result[6] = 'return_value', rq_result end
  for _, part in ipairs({'execution_id', token, 'execution_started_at', began, 'execution_ended_at', now / 1000}) do
    result[#result + 1] = part
  end
  local expires_at = redis.call('HGET', record, 'expires_at')
  -- RQ keeps a result in 5 kB, however short it is; the record has it too.
  if not field(id, 'payload_freed') then
    redis.call('XADD', RQ .. 'results:' .. id, 'MAXLEN', '~', 10, '*', unpack(result))
    redis.call('PEXPIREAT', RQ .. 'results:' .. id, expires_at)
  end
  redis.call('HSET', rq_key(id), 'ended_at', stamp)
  redis.call('ZADD', RQ .. 'finished:' .. queue, math.floor(expires_at / 1000), id)
  if redis.call('EXISTS', worker_key) == 1 then
    redis.call('HINCRBY', worker_key, 'successful_job_count', 1)
    redis.call('HINCRBYFLOAT', worker_key, 'total_working_time', now / 1000 - began)
  end
  return '1'
end

local function try_again()
  wait_again(id, queue, now + delay_ms)
  count_retry(id, code)
  redis.call('HSET', record, 'last_code', code, 'last_message', message)
  if rq_pushes then
    redis.call('HSET', record, 'handed_over', now)
  elseif delay_ms > 0 then
    tell_rq('scheduled')
    redis.call('ZADD', RQ .. 'scheduled:' .. queue, math.ceil((now + delay_ms) / 1000), id)
  else
    tell_rq('queued')
    redis.call('RPUSH', queue_key(queue), id)
  end
  ring_for(id, queue, now + delay_ms)
end

local is_kept = ''
if outcome == 'succeeded' then
  tell_rq('finished')
  redis.call('HSET', record, 'result', result, 'progress', 100)
  redis.call('HDEL', record, 'message')
  note_duration(id)
  finish(id, queue, 'succeeded', tonumber(result_ttl_s))
  is_kept = keep_books()
elseif outcome == 'stopped' then
  tell_rq('stopped')
  finish(id, queue, 'cancelled', tonumber(failure_ttl_s))
elseif may_retry and left > 0 and not redis.call('HGET', record, 'cancel_requested') and not is_withdrawn(id) then
  try_again()
  return {'retry', field(id, 'state'), delay_ms, left}
else
  tell_rq('failed')
  redis.call('HSET', record, 'error_code', code, 'error_message', message,
    'rq_enqueued_at', redis.call('HGET', rq_key(id), 'enqueued_at') or '')
  finish(id, queue, 'failed', tonumber(failure_ttl_s))
end
return {'ended', field(id, 'state'), field(id, 'payload_freed') or '', is_kept}
