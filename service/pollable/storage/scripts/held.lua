-- needs: clock names
-- What each owner holds: live jobs, and bytes of all jobs that are still there.
-- Two keys an owner: a sorted set of ids, and a hash of each one's bytes, with their sum as 'all'. An ended job's score is the
-- moment when its record vanishes by itself, which no script sees; that of a live one is LIVE plus the moment when it was last
-- known to be there. So what is over stands first, and what lives can be counted.
local LIVE = 1e15
local LIVE_KEPT_MS, DAY_MS = 40 * 86400000, 86400000
-- What a job takes beside its texts, with RQ's hash and what is counted here; measured, and rounded up.
local BYTES_BESIDE = 2000
local TEXTS = {'payload', 'result', 'context', 'labels', 'error_message'}

local function held_key(owner) return OURS .. 'held:' .. owner end
local function bytes_key(owner) return OURS .. 'bytes:' .. owner end

local function weigh(id)
  local bytes = BYTES_BESIDE
  for _, name in ipairs(TEXTS) do bytes = bytes + redis.call('HSTRLEN', record_key(id), name) end
  return bytes
end

-- The job of an id counts `bytes` from now on, and goes at the score, or lives.
local function hold(id, owner, bytes, score)
  local held, all = held_key(owner), bytes_key(owner)
  local before, sum = unpack(redis.call('HMGET', all, id, 'all'))
  redis.call('ZADD', held, score, id)
  redis.call('HSET', all, id, bytes, 'all', (sum or 0) - (before or 0) + bytes)
  -- Both keys outlive what they count, and end when the owner never comes again.
  local last_ms = score >= LIVE and now + LIVE_KEPT_MS or score
  if redis.call('PTTL', all) >= last_ms - now then return end
  redis.call('PEXPIREAT', held, last_ms + DAY_MS)
  redis.call('PEXPIREAT', all, last_ms + DAY_MS)
end

-- The record is gone, so that it is in the list of everyone's jobs no longer.
local function let_go(id, owner)
  redis.pcall('ZREM', owner_key(''), id)
  local held, all = held_key(owner), bytes_key(owner)
  local bytes = redis.call('HGET', all, id)
  redis.call('ZREM', held, id)
  if bytes then
    redis.call('HDEL', all, id)
    redis.call('HINCRBY', all, 'all', -bytes)
  end
  if redis.call('EXISTS', held) == 0 then redis.call('DEL', all) end
end

local function let_go_of_past(owner, most)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', held_key(owner), '-inf', now, 'LIMIT', 0, most)) do let_go(id, owner) end
end
