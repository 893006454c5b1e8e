-- needs: record
-- Ends an attempt: the first final write wins, and only the current token may write.
-- ARGV: our prefix, RQ's prefix, id, token, outcome, result, code, message, may retry (1 or 0), delay_ms.
-- Outcomes: 'succeeded' (with the result), 'failed' (with code and message), 'stopped' (on request), 'released' (the worker
-- is going away).
-- Reply: {'ended', state}, {'retry', delay_ms, attempts left}, {'released', state} or {'refused', state}.
local id, token, outcome, result, code, message = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local may_retry, delay_ms = ARGV[9] == '1', tonumber(ARGV[10])
local record = record_key(id)
local state, current, queue, attempt, allowed, result_ttl_s, failure_ttl_s, done = unpack(redis.call('HMGET', record,
  'state', 'token', 'queue', 'attempt', 'max_attempts', 'result_ttl_s', 'failure_ttl_s', 'done_token'))

if not state then return {'refused', 'missing'} end
local left = tonumber(allowed) - tonumber(attempt)
if done == token then
  -- Sent again because the reply was lost: the same answer.
  if outcome == 'released' then return {'released', state} end
  if state == 'queued' or state == 'scheduled' then return {'retry', delay_ms, left} end
  -- Another worker has the next attempt by now.
  return {state == 'running' and 'refused' or 'ended', state}
end
if state ~= 'running' or current ~= token then
  redis.call('HINCRBY', record, 'late_outcomes', 1)
  return {'refused', state}
end

redis.call('HSET', record, 'done_token', token)
-- RQ's stop command kills the horse; who asked for that is in the record.
if code == 'killed' and redis.call('HGET', record, 'cancel_requested') then outcome = 'stopped' end
if outcome == 'released' then return {'released', abandon(id, queue)} end
redis.call('HDEL', record, 'token')
-- RQ writes its own status next; should the worker die before, its dashboards are right all the same.
local function tell_rq(status)
  if redis.call('EXISTS', rq_key(id)) == 1 then redis.call('HSET', rq_key(id), 'status', status) end
  forget_executions(id, queue)
end
if outcome == 'succeeded' then
  tell_rq('finished')
  redis.call('HSET', record, 'result', result, 'progress', 100)
  redis.call('HDEL', record, 'message')
  finish(id, queue, 'succeeded', tonumber(result_ttl_s))
elseif outcome == 'stopped' then
  tell_rq('stopped')
  finish(id, queue, 'cancelled', tonumber(failure_ttl_s))
elseif may_retry and left > 0 and not redis.call('HGET', record, 'cancel_requested') then
  wait_again(id, queue, now + delay_ms)
  return {'retry', delay_ms, left}
else
  tell_rq('failed')
  redis.call('HSET', record, 'error_code', code, 'error_message', message,
    'rq_enqueued_at', redis.call('HGET', rq_key(id), 'enqueued_at') or '')
  finish(id, queue, 'failed', tonumber(failure_ttl_s))
end
return {'ended', field(id, 'state')}
