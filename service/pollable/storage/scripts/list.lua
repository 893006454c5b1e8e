-- needs: row
-- A part of a page of an owner's jobs, or of everyone's, newest first, without results. However many there are, at most
-- LOOKED_AT_MOST of them are looked at, so that what else Redis is asked for waits for no more than that, whatever this list
-- is of.
-- ARGV: our prefix, RQ's prefix, the names of the record's fields that are wanted (joined by spaces), owner ('' for everyone),
-- how many jobs at most, after which place (creation in ms and id, '' for the beginning; no job needs to be there any more),
-- what is asked for as JSON: {"states": {name: true}, "types": {name: true}, "labels": {name: value}}, each empty for any.
-- Reply: {{place to go on after (creation, id; '' at the end), id and row (row.lua) of each job}} or {{'damaged'}}.
local LOOKED_AT_MOST = 100
local NAMES, OWNER, MOST = with(split(ARGV[3])), ARGV[4], tonumber(ARGV[5])
local AFTER_MS, AFTER_ID, ASKED = ARGV[6], ARGV[7], cjson.decode(ARGV[8])
local OWNED = owner_key(OWNER)

-- How many jobs are not older than the place. Jobs of one millisecond are in the order of their ids.
local function rank_after(created_at, id)
  local low = redis.call('ZCOUNT', OWNED, '(' .. created_at, '+inf')
  local high = low + redis.call('ZCOUNT', OWNED, created_at, created_at)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if redis.call('ZREVRANGE', OWNED, middle, middle)[1] < id then high = middle else low = middle + 1 end
  end
  return low
end

local function are_there(wanted, encoded)
  if not next(wanted) then return true end
  local parsed, labels = pcall(cjson.decode, encoded or '{}')
  if not parsed or type(labels) ~= 'table' then return false end
  for name, value in pairs(wanted) do
    if labels[name] ~= value then return false end
  end
  return true
end

local function row_of(id)
  local state, _, values = look(id, OWNER, LOOKED_AT)
  if not state then return nil end
  if next(ASKED.states) and not ASKED.states[state] then return nil end
  if next(ASKED.types) and not ASKED.types[values[TYPE]] then return nil end
  if next(ASKED.labels) and not are_there(ASKED.labels, field(id, 'labels')) then return nil end
  return record_row(state, redis.call('HMGET', record_key(id), unpack(NAMES)), 0, false)
end

local kind = redis.call('TYPE', OWNED).ok
if kind ~= 'zset' and kind ~= 'none' then return {{'damaged'}} end
local rank = AFTER_ID ~= '' and rank_after(AFTER_MS, AFTER_ID) or 0
local ends_at = redis.call('ZCARD', OWNED)
local reply, found = {'', ''}, 0
local places = redis.call('ZREVRANGE', OWNED, rank, rank + LOOKED_AT_MOST - 1, 'WITHSCORES')
for at = 1, #places, 2 do
  if found == MOST then break end
  local id, row = places[at], row_of(places[at])
  rank, reply[1], reply[2] = rank + 1, places[at + 1], id
  if row then
    found = found + 1
    reply[#reply + 1] = id
    reply[#reply + 1] = row
  end
end
if rank >= ends_at then reply[1], reply[2] = '', '' end
return {reply}
