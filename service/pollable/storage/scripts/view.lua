-- needs: clock names
-- How a caller finds a job: whether the record is theirs to see, and in which state.
-- pcall: a key of another type than RQ's says nothing, and is no reason to fail the other jobs of a call. What it returns
-- then is a table, which is neither missing nor any of the words.

local WAITING = {queued = true, scheduled = true}

-- An operator requeued a failed job (rq-dashboard, `rq requeue`): RQ then stamps its hash with an enqueued_at other than
-- the one that the job ended with. Whoever finds it next will write so into the record.
local function is_requeued(id, ended_with, payload_freed)
  -- There is nothing left to run.
  if payload_freed then return false end
  local status, enqueued_at = unpack(redis.pcall('HMGET', rq_key(id), 'status', 'enqueued_at'))
  if not status or status == 'failed' or status == 'stopped' then return false end
  return (enqueued_at or '') ~= (ended_with or '')
end

-- An operator's word on a job that has not ended: cancelled (`Job.cancel`) or deleted (`Job.delete`, `rq empty`).
local function is_withdrawn(id)
  local status = redis.pcall('HGET', rq_key(id), 'status')
  return not status or status == 'canceled'
end

-- The same of a job that waits; one that is due later may have been taken from RQ's registry of scheduled jobs, too.
-- handed_over: a worker is about to put it there.
local function is_called_off(id, state, queue, handed_over)
  local status = redis.pcall('HGET', rq_key(id), 'status')
  if not status or status == 'canceled' then return true end
  if state ~= 'scheduled' or status ~= 'scheduled' or handed_over then return false end
  return not redis.pcall('ZSCORE', RQ .. 'scheduled:' .. queue, id)
end

-- The fields of a record that `seen` and `settled` go by, in their order.
local SEEN_BY = {'state', 'owner', 'expires_at', 'run_at', 'rq_enqueued_at', 'queue', 'handed_over', 'without_rq',
  'payload_freed'}

-- The state in which `owner` ('' for anybody) sees the job; else nil, and 'missing', 'theirs' or 'expired'.
local function seen(id, owner, values)
  local state, owned_by, expires_at, run_at, ended_with, _, _, without_rq, payload_freed = unpack(values, 1, #SEEN_BY)
  if not state then return nil, 'missing' end
  if owner ~= '' and owner ~= owned_by then return nil, 'theirs' end
  if state == 'failed' and is_requeued(id, ended_with, payload_freed) then return 'queued' end
  local ends_at = tonumber(expires_at)
  if ends_at then
    -- RQ's hash lives as long as the record: where it is gone, an operator deleted it.
    if now >= ends_at or (not without_rq and redis.call('EXISTS', rq_key(id)) == 0) then return nil, 'expired' end
  end
  if state == 'scheduled' and (tonumber(run_at) or 0) <= now then return 'queued' end
  return state
end

local STARTING_MS = 5000

-- Whether a living worker runs jobs of that type from that queue. '*' stands for RQ's own workers, which do not say what
-- they know. Where nobody works at all, a job that became due just now may wait for a worker that is starting.
local function is_staffed(queue, type, due_ms)
  local function lives(member)
    return (tonumber(redis.pcall('ZSCORE', types_key(queue), member)) or 0) >= now
  end
  if lives(type) or lives('*') then return true end
  return now - due_ms < STARTING_MS and redis.pcall('ZCOUNT', types_key(queue), now, '+inf') == 0
end
