-- needs: record workers
-- Finds jobs whose worker is gone, jobs that are queued but nowhere and jobs that an operator called off; puts each back on
-- its way, or ends it.
-- ARGV: our prefix, RQ's prefix, lease_ms, ms between two passes while there are jobs (0: goes on with the last one), the
-- percentage of memory that new jobs leave free, ms for which the payload of an ended job is kept, then the queues' names.
-- Reply: {1 when there is more to do at once, or 0; ms until the next pass} and, unless another process was here just now, what
-- was done and how often: {'queued', how many, 'failed', ...}; the types of waiting jobs that no living worker knows; of each
-- job that workers took and could not run {id, traceback as RQ keeps it}; of each job that something is to be told of {'lost' or
-- 'expired_unread', id, state, type, owner, queue, attempt, request_id, trace_id}.
local lease_ms, every_ms = tonumber(ARGV[3]), tonumber(ARGV[4])
local rerun_ms = tonumber(ARGV[6])
local LEASES_A_PASS, PAYLOADS_A_PASS, UNREAD_A_PASS, HEAD, CHUNK, TAIL = 200, 500, 200, 64, 500, 500
-- RQ's scheduler looks every second, where there is one; and our workers take what is due from its registry themselves.
local OVERDUE_MS = 1500
local TAKINGS = 5
local IDLE_MS, ROLL_CALL_MS, NOTED_EVERY_MS = 5000, 15000, 30000
local counts = {queued = 0, failed = 0, cancelled = 0, pushed = 0}
local unknown_types, unfit, told, more = {}, {}, {}, false

local reaper = OURS .. 'reaper'
local since, last, was_idle, called_at, noted_at, looked_at =
  unpack(redis.call('HMGET', reaper, 'since', 'last', 'idle', 'called_at', 'noted_at', 'waiting_at'))
local gone_ms = last and now - tonumber(last) or math.huge
-- Where nothing waits or runs, no lease that begins meanwhile can end before the next pass.
local function pause_ms(is_idle) return is_idle and math.min(IDLE_MS, lease_ms * 3 / 4) or every_ms end
if every_ms > 0 and gone_ms < pause_ms(was_idle == '1') * 3 / 4 then return {0, pause_ms(was_idle == '1') - gone_ms} end
local lists = {LEASES}
for at = 7, #ARGV do
  local list = queue_key(ARGV[at])
  for _, key in ipairs({pending_key(ARGV[at]), list, list .. ':intermediate'}) do lists[#lists + 1] = key end
end
local is_idle = redis.call('EXISTS', unpack(lists)) == 0
-- RQ's own workers are seen while their heartbeat is young, and have to be noted by then: they may take the first job.
local is_roll_call = now - tonumber(called_at or 0) > ROLL_CALL_MS
local is_to_be_noted = now - tonumber(noted_at or 0) >= NOTED_EVERY_MS
-- After a pause of ours (Redis was away, or every process) workers get one lease's time to renew before any is taken.
-- They renew every third of a lease, so none can have run out within half of one; where there was none, in most of one.
if gone_ms > lease_ms * (was_idle == '1' and 5 / 6 or 1 / 2) then since = now end
use_headroom()
redis.call('HSET', reaper, 'since', since, 'last', now, 'headroom', ARGV[5], 'idle', is_idle and 1 or 0,
  'called_at', is_roll_call and now or called_at, 'noted_at', is_to_be_noted and now or noted_at)
if is_roll_call then redis.call('EXPIRE', reaper, 3600) end

-- A key of another type than it should be of spoils the job that it belongs to, and no other. All else ends the pass.
local function alone(step, ...)
  local done, found = pcall(step, ...)
  if done then return found end
  if not string.find(tostring(type(found) == 'table' and found.err or found), 'WRONGTYPE') then error(found, 0) end
end

local function note_depths()
  local noted = {now}
  for at = 7, #ARGV do
    local depth, age_ms = 0, 0
    if not is_idle then depth, age_ms = waiting_in(ARGV[at]) end
    noted[#noted + 1] = ARGV[at] .. ' ' .. depth .. ' ' .. age_ms
  end
  redis.call('ZADD', HISTORY, now, table.concat(noted, ' '))
  redis.call('EXPIRE', HISTORY, HISTORY_MS / 1000)
  redis.call('ZREMRANGEBYSCORE', HISTORY, '-inf', now - HISTORY_MS)
end

local function tell_of(event, id, state)
  local values = redis.call('HMGET', record_key(id), 'type', 'owner', 'queue', 'attempt', 'request_id', 'traceparent')
  values[6] = values[6] and string.sub(values[6], 4, 35)
  told[#told + 1] = {event, id, state, unpack(values)}
end

local function reap_leases()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', LEASES, '-inf', now, 'LIMIT', 0, LEASES_A_PASS)) do
    local state, queue = field(id, 'state'), field(id, 'queue')
    redis.call('ZREM', LEASES, id)
    -- A damaged record may not say where it belongs.
    if state == 'running' and queue then
      local became = alone(abandon, id, queue)
      if became then
        counts[became] = counts[became] + 1
        tell_of('lost', id, became)
      end
    end
  end
end

local function push_again(id, queue)
  wait_again(id, queue, now)
  push_back(id, queue)
  counts.pushed = counts.pushed + 1
end

local function call_off(id, queue)
  heed(id, queue)
  counts.cancelled = counts.cancelled + 1
end

-- In nobody's sight for a whole lease: between two sightings lies all the time that a worker needs from pop to claim.
local function recover(id, queue)
  local unseen_since = tonumber(field(id, 'unseen_since') or now)
  if now - unseen_since < lease_ms then
    redis.call('HSETNX', record_key(id), 'unseen_since', now)
  else
    push_again(id, queue)
  end
end

-- A worker took it, and RQ wrote down an end, without a claim: that worker cannot run our jobs.
local function put_back_from_unfit(id, queue)
  local takings = redis.call('HINCRBY', record_key(id), 'takings', 1)
  if takings < TAKINGS then
    counts.pushed = counts.pushed + 1
    return offer_to_ours(id, queue)
  end
  local newest = redis.pcall('XREVRANGE', RQ .. 'results:' .. id, '+', '-', 'COUNT', 1)
  local outcome, traceback = newest[1] and newest[1][2] or {}, ''
  for at = 1, #outcome, 2 do
    if outcome[at] == 'exc_string' then traceback = outcome[at + 1] end
  end
  unfit[#unfit + 1] = {id, traceback}
end

-- What waits in `queue` and is in none of RQ's lists.
local function find(id, queue, handed_over)
  local status = redis.call('HGET', rq_key(id), 'status')
  if redis.call('LPOS', queue_key(queue) .. ':intermediate', id) or handed_over then
    recover(id, queue)
  elseif status == 'failed' or status == 'finished' or status == 'stopped' then
    put_back_from_unfit(id, queue)
  elseif status ~= 'queued' and status ~= 'scheduled' or had_stock_workers(queue) then
    -- RQ's own workers lose sight of what they take until they begin it.
    recover(id, queue)
  else
    -- Our workers leave a trace of all that they take: an operator did this (`queue.remove`).
    call_off(id, queue)
  end
end

-- Whether the queue's list has the id: `near` are the ids where it should be. A look at the whole list costs its length,
-- so there are only as many as `looks` allows; without one the answer is nil.
local function is_listed(id, queue, near, looks)
  if near[id] then return true end
  if looks.left == 0 then return nil end
  looks.left = looks.left - 1
  return redis.call('LPOS', queue_key(queue), id) and true or false
end

-- Whether the job goes on waiting.
local function check(id, queue, near, looks)
  local values = redis.pcall('HMGET', record_key(id), 'state', 'type', 'handed_over', 'unseen_since', 'run_at')
  local state, type, handed_over, unseen_since, run_at = unpack(values.err and {} or values)
  if not state or not WAITING[state] then
    redis.call('ZREM', pending_key(queue), id)
    return
  end
  if is_called_off(id, state, queue, handed_over) then return call_off(id, queue) end
  local due_ms = tonumber(run_at) or 0
  -- An older release took the job, or nobody counted then: what is behind it will be the same.
  if type and count_waiting(id, type, due_ms, 0) then more = true end
  if due_ms > now then return end
  if type and not is_staffed(queue, type, due_ms) then unknown_types[type] = true end
  local due_s = redis.call('ZSCORE', RQ .. 'scheduled:' .. queue, id)
  local is_in_sight = due_s and true or is_listed(id, queue, near, looks)
  if due_s and tonumber(due_s) * 1000 < now - OVERDUE_MS then
    push_again(id, queue)
  elseif is_in_sight then
    if unseen_since or handed_over then redis.call('HDEL', record_key(id), 'unseen_since', 'handed_over') end
  elseif is_in_sight == false then
    find(id, queue, handed_over)
  end
end

local function check_all(ids, queue, first, looks)
  local near = {}
  for _, id in ipairs(redis.call('LRANGE', queue_key(queue), math.max(first - HEAD, 0), first + #ids + HEAD)) do
    near[id] = true
  end
  for _, id in ipairs(ids) do alone(check, id, queue, near, looks) end
end

-- How many due jobs are in none of the queue's lists, by counting; other code's jobs hide some.
local function count_missing(queue)
  if had_stock_workers(queue) then return 0 end
  local list, scheduled = queue_key(queue), RQ .. 'scheduled:' .. queue
  return redis.call('ZCOUNT', pending_key(queue), '-inf', now) - redis.call('LLEN', list)
    - redis.call('LLEN', list .. ':intermediate') - redis.call('ZCOUNT', scheduled, '-inf', math.ceil(now / 1000))
end

-- Every waiting job in turn, a chunk a pass; chunk after chunk while an operator's doing shows.
local function sweep(queue, looks)
  local pending, at_field, missing_field = pending_key(queue), 'at:' .. queue, 'missing:' .. queue
  local at, missed = unpack(redis.call('HMGET', reaper, at_field, missing_field))
  local missing, before = count_missing(queue), counts.cancelled
  local first = tonumber(at) or 0
  local ids = redis.call('ZRANGE', pending, first, first + CHUNK - 1)
  check_all(ids, queue, first, looks)
  local is_done = #ids < CHUNK
  local gone = counts.cancelled - before
  -- Missing twice running: once is a job on its way from one list to another.
  local is_missed = missing > 0 and (tonumber(missed) or 0) > 0
  more = more or gone > 0 or (is_missed and not is_done)
  redis.call('HSET', reaper, at_field, is_done and 0 or first + #ids - gone, missing_field, missing)
end

-- What an operator requeued has the time to live of the failure until it is ours again. RQ pushes it to either end.
local function adopt_requeued(queue)
  local function adopt(list, from, to)
    for _, id in ipairs(redis.call('LRANGE', list, from, to)) do
      if is_reopened(id, field(id, 'state')) then reopen(id, queue) end
    end
  end
  adopt(queue_key(queue), 0, HEAD - 1)
  adopt(queue_key(queue), -TAIL, -1)
  adopt(queue_key(queue) .. ':intermediate', 0, HEAD - 1)
end

-- Nobody reruns the job any more, so its payload no longer counts against its owner.
local function free_in_time(id)
  local state, expires_at = field(id, 'state'), field(id, 'expires_at')
  if not expires_at then return end
  if is_reopened(id, state) then return reopen(id, field(id, 'queue')) end
  free_payload(id)
  hold_ended(id, tonumber(expires_at))
end

local function free_payloads()
  local ended = redis.call('ZRANGEBYSCORE', PAYLOADS, '-inf', now - rerun_ms, 'LIMIT', 0, PAYLOADS_A_PASS)
  for _, id in ipairs(ended) do
    redis.call('ZREM', PAYLOADS, id)
    alone(free_in_time, id)
  end
  more = more or #ended == PAYLOADS_A_PASS
end

local function tell_of_unread()
  local expired = redis.call('ZRANGEBYSCORE', UNREAD, '-inf', now, 'LIMIT', 0, UNREAD_A_PASS)
  for _, id in ipairs(expired) do
    redis.call('ZREM', UNREAD, id)
    alone(tell_of, 'expired_unread', id, field(id, 'state') or '')
  end
  more = more or #expired == UNREAD_A_PASS
end

-- How many jobs are known to wait by their types, and do not by their queues.
local function surplus(types)
  local known = 0
  for _, type in ipairs(types) do known = known + redis.call('ZCARD', waiting_key(type)) end
  for at = 7, #ARGV do known = known - redis.call('ZCARD', pending_key(ARGV[at])) end
  return known
end

-- What was taken by an older release, or deleted by hand, still counts as waiting. It is looked for, from the beginning to the
-- end, while that shows.
local function forget_taken()
  if not is_counting() or not (looked_at or is_to_be_noted) then return end
  local types = types_in(redis.call('HGETALL', COUNTS))
  if not looked_at and surplus(types) <= 0 then return end
  local first, most = tonumber(looked_at) or 0, math.ceil(CHUNK / #types)
  local is_done, is_found = true, false
  for _, type in ipairs(types) do
    local ids = redis.call('ZRANGE', waiting_key(type), first, first + most - 1)
    is_done = is_done and #ids < most
    for _, id in ipairs(ids) do
      if not WAITING[field(id, 'state') or ''] then is_found = count_taken(id, type) or is_found end
    end
  end
  more = more or is_found
  if is_done and not is_found then return redis.call('HDEL', reaper, 'waiting_at') end
  -- Where any were found others are at their places now.
  redis.call('HSET', reaper, 'waiting_at', is_found and first or first + most)
end

if is_to_be_noted then alone(note_depths) end
if not is_idle and now - tonumber(since) >= lease_ms then reap_leases() end
tell_of_unread()
free_payloads()
for at = 7, #ARGV do
  if is_roll_call or not is_idle then note_workers(ARGV[at]) end
end
for at = is_idle and #ARGV + 1 or 7, #ARGV do
  local queue = ARGV[at]
  local looks = {left = math.max(4, math.floor(500000 / (redis.call('LLEN', queue_key(queue)) + 1)))}
  adopt_requeued(queue)
  check_all(redis.call('ZRANGEBYSCORE', pending_key(queue), '-inf', now, 'LIMIT', 0, HEAD), queue, 0, looks)
  sweep(queue, looks)
end
alone(forget_taken)

local done, unknown = {}, {}
for what, count in pairs(counts) do
  done[#done + 1] = what
  done[#done + 1] = count
end
for type in pairs(unknown_types) do unknown[#unknown + 1] = type end
return {more and 1 or 0, pause_ms(is_idle), done, unknown, unfit, told}
