-- needs: nothing view bells
-- Takes the next job that this worker can run, queue by queue in priority order, into that queue's intermediate list.
-- Everything else stays where it is: jobs of other code, and those of types that only other workers know.
-- ARGV: our prefix, RQ's prefix, the job types that it knows (joined by spaces), how many waiting jobs of each queue to
-- pass over, then the queues' names.
-- Reply: {queue, id}, or {how many to pass over next time}, or {0, 'due in', ms} where something will be due before the next look.
local skip = tonumber(ARGV[4])
local LOOKED_AT, MISSES = 500, 16
local is_known = {}
for _, type in ipairs(split(ARGV[3])) do is_known[type] = true end

local function is_for_us(id)
  local type = redis.pcall('HGET', record_key(id), 'type')
  return is_known[type]
end

-- In the queue, or due in RQ's registry of scheduled jobs: nobody else need push it first.
local function take(id, queue)
  local list = queue_key(queue)
  if redis.call('LREM', list, 1, id) == 0 then
    if redis.call('ZREM', RQ .. 'scheduled:' .. queue, id) == 0 then return false end
    redis.call('ZREM', RQ .. 'failed:' .. queue, id)
    redis.call('HSET', rq_key(id), 'status', 'queued')
  end
  redis.call('RPUSH', list .. ':intermediate', id)
  return true
end

local more, due_ms = false, math.huge
local function search(queue)
  local soon = redis.call('ZRANGEBYSCORE', pending_key(queue), '-inf', now + LOOK_MS, 'WITHSCORES', 'LIMIT', skip, LOOKED_AT)
  local misses = 0
  for at = 1, #soon, 2 do
    local id, at_ms = soon[at], tonumber(soon[at + 1])
    if at_ms > now then
      due_ms = math.min(due_ms, at_ms)
      return nil
    end
    if is_for_us(id) and not is_withdrawn(id) then
      if take(id, queue) then return id end
      -- In another worker's hands already; each look costs the length of the queue.
      misses = misses + 1
      if misses == MISSES then break end
    end
  end
  more = more or #soon == 2 * LOOKED_AT
end

-- `rq suspend`
if redis.call('EXISTS', RQ .. 'suspended') == 1 then return {0} end
for at = 5, #ARGV do
  local queue = ARGV[at]
  local list = queue_key(queue)
  local head = redis.call('LINDEX', list, 0)
  if head and is_for_us(head) then
    redis.call('LMOVE', list, list .. ':intermediate', 'LEFT', 'RIGHT')
    return {queue, head}
  end
  local id = search(queue)
  if id then return {queue, id} end
end
if more then return {skip + LOOKED_AT} end
if due_ms < math.huge then return {0, 'due in', due_ms - now} end
return {0}
