-- Before every script that changes a sequence. KEYS: 1 the sequence, 2 the work that is due for a set of triggers. ARGV: 1 the key's hash.
local member = 'q' .. ARGV[1]
local UNORDERED, APART, MOST = 5000, 100, 40 -- fleet.Unordered, fleet.Apart, fleet.MaxTimes

-- times returns when the other rule was hit, within twice the time that counts.
local function times(t, within)
  local list = {}
  for word in string.gmatch(redis.call('HGET', KEYS[1], 'e') or '', '%d+') do
    local at = math.min(num(word), t)
    if at > t - 2 * within then list[#list + 1] = at end
  end
  return list
end

-- thin sorts times and keeps them, as fleet.Thin does.
local function thin(list, within)
  table.sort(list)
  local kept, gap = {}, math.floor(within / 8)
  for i, at in ipairs(list) do
    if #kept == 0 or i == #list or list[i + 1] - kept[#kept] >= gap then kept[#kept + 1] = at end
  end
  local words = {}
  for i = math.max(1, #kept - MOST + 1), #kept do words[#words + 1] = str(kept[i]) end
  redis.call('HSET', KEYS[1], 'e', table.concat(words, ' '))
end

-- past returns a time that is kept; one in the future, since the clock stepped back, becomes now.
local function past(field, t)
  local at = redis.call('HGET', KEYS[1], field)
  if not at then return nil end
  if num(at) > t then redis.call('HSET', KEYS[1], field, str(t)) end
  return math.min(num(at), t)
end

local function forget() redis.call('HDEL', KEYS[1], 'b', 'bd', 'by', 's', 'r', 'x') end

local function schedule()
  local q = redis.call('HMGET', KEYS[1], 'b', 'bd', 'fz', 'tu')
  local at
  if q[3] then at = num(q[4]) elseif q[1] then at = num(q[2]) + UNORDERED end
  if not at then
    redis.call('ZREM', KEYS[2], member)
    return
  end
  redis.call('ZADD', KEYS[2], str(at), member)
  redis.call('PEXPIRE', KEYS[2], LONGEST)
end

-- keep prolongs the memory: longer where waits must not begin again.
local function keep(within)
  local q = redis.call('HMGET', KEYS[1], 'b', 'fz', 'd')
  local ttl = 2 * within + 600000
  if q[1] or q[2] or q[3] then ttl = 3 * within + 3600000 end
  redis.call('PEXPIRE', KEYS[1], str(ttl))
end
