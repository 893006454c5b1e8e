-- needs: view memory held bells counts
-- What every script that writes a record shares.

-- An ended record outlives its own end of life by this much, so that RQ's hash (which RQ itself gives the same
-- time to live, a little later) is never all that is left of a job. Reads go by the record's expires_at.
local TOMBSTONE_MS = 60000
-- For a record that was damaged and does not say: every job ends, and no key lives for ever.
local DAMAGED_TTL_S = 86400

-- pcall, on reading only: a key that is no hash is no record, and no reason to fail what is done for other jobs.
local function field(id, name)
  local value = redis.pcall('HGET', record_key(id), name)
  return type(value) ~= 'table' and value or nil
end

local function is_reopened(id, state)
  return state == 'failed' and is_requeued(id, field(id, 'rq_enqueued_at'), field(id, 'payload_freed'))
end

-- Tells whoever waits for the job. The message: version, state ('deleted' once there is no record), owner; joined by spaces.
-- pcall: it is a hint. Where Redis does not let us publish, those who wait find out by looking.
local function tell(id, version, state, owner)
  redis.pcall('PUBLISH', changed_channel(id), table.concat({version, state or '', owner or ''}, ' '))
end

-- Whatever a reader sees of the job is another than it was. Called in the script that made it so, after the state is written.
local function changed(id)
  local version = redis.pcall('HINCRBY', record_key(id), 'version', 1)
  if type(version) ~= 'number' then
    -- Somebody else wrote there; it must not be a version that was.
    version = now
    redis.call('HSET', record_key(id), 'version', version)
  end
  tell(id, version, unpack(redis.call('HMGET', record_key(id), 'state', 'owner')))
end

-- RQ's traces of an execution that is over: registry of started jobs, execution hashes, the job's own list of them.
local function forget_executions(id, queue)
  local executions = RQ .. 'executions:' .. id
  for _, execution in ipairs(redis.pcall('ZRANGE', executions, 0, -1)) do
    redis.call('ZREM', RQ .. 'wip:' .. queue, id .. ':' .. execution)
    redis.call('DEL', RQ .. 'execution:' .. id .. ':' .. execution)
  end
  redis.call('DEL', executions)
end

-- Jobs that ended and still have their payload, by the moment of their end: what the reaper frees in time.
local PAYLOADS = OURS .. 'payloads'

local function free_payload(id)
  if redis.call('HDEL', record_key(id), 'payload') == 1 then redis.call('HSET', record_key(id), 'payload_freed', 1) end
end

-- Jobs that ended, were not cancelled and were not read since, by the moment when they expire: the reaper tells of them then.
local UNREAD = OURS .. 'unread'

local function note_unread(id, expires_at)
  redis.call('ZADD', UNREAD, expires_at, id)
  if redis.call('PTTL', UNREAD) < expires_at - now then redis.call('PEXPIREAT', UNREAD, expires_at + DAY_MS) end
end

-- Its owner's, as long as its record is there. A damaged record may not say whose it is.
local function hold_ended(id, expires_at)
  local owner = field(id, 'owner')
  if owner then hold(id, owner, weigh(id), expires_at + TOMBSTONE_MS) end
end

-- Final: no lease, not pending, and every key of the job ends after ttl_s seconds.
local function finish(id, queue, state, ttl_s)
  local expires_at = now + ttl_s * 1000
  if is_short(queue) then free_payload(id) end
  redis.call('HSET', record_key(id), 'state', state, 'ended_at', now, 'updated_at', now, 'expires_at', expires_at)
  redis.call('HDEL', record_key(id), 'lease_until', 'unseen_since', 'handed_over', 'takings')
  if redis.call('EXISTS', rq_key(id)) == 0 then redis.call('HSET', record_key(id), 'without_rq', 1) end
  redis.call('PEXPIREAT', record_key(id), expires_at + TOMBSTONE_MS)
  if state ~= 'cancelled' then note_unread(id, expires_at) end
  redis.call('ZREM', LEASES, id)
  redis.call('ZREM', pending_key(queue), id)
  redis.call('PEXPIREAT', rq_key(id), expires_at)
  redis.call('PEXPIREAT', RQ .. 'results:' .. id, expires_at)
  hold_ended(id, expires_at)
  changed(id)
  count_end(id, state)
  redis.call('ZADD', PAYLOADS, now, id)
  if redis.call('PTTL', PAYLOADS) < expires_at - now then redis.call('PEXPIREAT', PAYLOADS, expires_at + DAY_MS) end
end

-- The end of a job that waits, whoever asked for it.
local function cancel_waiting(id, queue)
  local ttl_s = tonumber(field(id, 'failure_ttl_s')) or DAMAGED_TTL_S
  redis.call('LREM', queue_key(queue), 0, id)
  redis.call('ZREM', RQ .. 'scheduled:' .. queue, id)
  redis.call('HDEL', record_key(id), 'error_code', 'error_message')
  redis.call('HSET', record_key(id), 'never_ran', 1)
  finish(id, queue, 'cancelled', ttl_s)
  if redis.call('EXISTS', rq_key(id)) == 0 then return end
  redis.call('HSET', rq_key(id), 'status', 'canceled')
  -- RQ never prunes this registry itself.
  local cancelled, now_s = RQ .. 'canceled:' .. queue, math.floor(now / 1000)
  redis.call('ZREMRANGEBYSCORE', cancelled, 0, now_s - ttl_s)
  redis.call('ZADD', cancelled, now_s, id)
end

-- The same where RQ's side says so. Whoever takes a job out of RQ's lists may delete its hash in the next step (`Job.delete`,
-- the dashboards do): what was read in between stays true.
local function heed(id, queue)
  local status = redis.call('HGET', rq_key(id), 'status')
  cancel_waiting(id, queue)
  if status and status ~= 'canceled' then redis.call('HSET', record_key(id), 'without_rq', 1) end
end

-- Waiting again, due at due_ms; whoever calls this pushes the id, or leaves that to RQ.
local function wait_again(id, queue, due_ms)
  local state = due_ms > now and 'scheduled' or 'queued'
  redis.call('HSET', record_key(id), 'state', state, 'run_at', due_ms, 'updated_at', now, 'progress', 0)
  redis.call('HDEL', record_key(id), 'lease_until', 'unseen_since', 'handed_over', 'message')
  redis.call('ZREM', LEASES, id)
  redis.call('ZADD', pending_key(queue), due_ms, id)
  count_waiting_again(id, due_ms)
  changed(id)
end

-- Called by whoever has put the job where our workers look.
local function ring_for(id, queue, due_ms)
  if is_due_soon(due_ms) then ring(bell_key(queue, field(id, 'type') or ''), 1) end
end

-- To the front of the queue: it has waited its turn already.
local function push_back(id, queue)
  redis.call('LREM', queue_key(queue) .. ':intermediate', 0, id)
  redis.call('ZREM', RQ .. 'scheduled:' .. queue, id)
  redis.call('ZREM', RQ .. 'failed:' .. queue, id)
  redis.call('LPUSH', queue_key(queue), id)
  redis.call('HSET', rq_key(id), 'status', 'queued')
  redis.call('HDEL', record_key(id), 'unseen_since')
  ring_for(id, queue, now)
end

-- Where our workers look and RQ's own do not: a fit one then takes the job before an unfit one can do so again. After a
-- moment the reaper pushes it for all.
local function offer_to_ours(id, queue)
  redis.call('HSET', rq_key(id), 'status', 'scheduled')
  redis.call('ZADD', RQ .. 'scheduled:' .. queue, math.floor(now / 1000), id)
  ring_for(id, queue, now)
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
  local attempt, allowed, failure_ttl_s, cancelled = unpack(
    redis.call('HMGET', record, 'attempt', 'max_attempts', 'failure_ttl_s', 'cancel_requested'))
  local ttl_s = tonumber(failure_ttl_s) or DAMAGED_TTL_S
  forget_executions(id, queue)
  redis.call('HDEL', record, 'token')
  if cancelled or is_withdrawn(id) then
    finish(id, queue, 'cancelled', ttl_s)
    show_in_rq(id, queue, 'stopped', ttl_s, 'Stopped on request.')
    return 'cancelled'
  end
  local why = 'The worker that ran the job was lost.'
  if (tonumber(attempt) or 1) < (tonumber(allowed) or 1) then
    wait_again(id, queue, now)
    push_back(id, queue)
    spend_rq_retry(id)
    redis.call('HSET', record, 'last_code', 'worker_lost', 'last_message', why)
    count_retry(id, 'worker_lost')
    return 'queued'
  end
  redis.call('HSET', record, 'error_code', 'worker_lost', 'error_message', why)
  finish(id, queue, 'failed', ttl_s)
  show_in_rq(id, queue, 'failed', ttl_s, why)
  redis.call('HSET', record, 'rq_enqueued_at', redis.call('HGET', rq_key(id), 'enqueued_at') or '')
  return 'failed'
end

-- The one door out of a final state.
local function reopen(id, queue)
  local record = record_key(id)
  local attempt, allowed, code, message = unpack(
    redis.call('HMGET', record, 'attempt', 'max_attempts', 'error_code', 'error_message'))
  if code and message then redis.call('HSET', record, 'last_code', code, 'last_message', message) end
  redis.call('HDEL', record, 'ended_at', 'expires_at', 'error_code', 'error_message', 'done_token', 'takings')
  redis.call('HSET', record, 'state', 'queued', 'updated_at', now, 'run_at', now, 'reopened_at', now,
    'max_attempts', math.max(tonumber(allowed) or 1, (tonumber(attempt) or 1) + 1))
  redis.call('ZREM', UNREAD, id)
  redis.call('PERSIST', record)
  redis.call('PERSIST', rq_key(id))
  redis.call('ZADD', pending_key(queue), now, id)
  count_waiting_again(id, now)
  redis.call('ZREM', PAYLOADS, id)
  changed(id)
  local owner = field(id, 'owner')
  if owner then hold(id, owner, weigh(id), LIVE + now) end
end

-- What an operator did on RQ's side since, written into the record by whoever finds it and may see the job. Returns
-- whether there was anything. pcall: a Redis that refuses writes still tells what it has.
local function settled(id, owner, values)
  local state, owned_by, _, _, ended_with, queue, handed_over, _, payload_freed = unpack(values, 1, #SEEN_BY)
  if owner ~= '' and owner ~= owned_by then return false end
  if WAITING[state] and is_called_off(id, state, queue, handed_over) then
    return pcall(heed, id, queue)
  end
  return state == 'failed' and is_requeued(id, ended_with, payload_freed) and pcall(reopen, id, queue)
end
