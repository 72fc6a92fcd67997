-- KEYS: 1 the slices and their past, 2 the reports by run.
-- ARGV: 1 run, 2 sequence number, 3 length of a slice, 4 how far the past reaches or 0, 5 recent slices, 6 most slices, 7 how long a run is remembered,
-- 8 the head of the past that is replaced or '', 9 its head, 10 its weight, 11 how many slices are in it, then these and their hits,
-- then ages, hits, and '1' for those of the other rule.
-- Returns: the latest slice, the first one, the head of the past, its weight, and the slices: number, hits, hits of the other rule.
local t, slice, than, recent, most, memory = now(), num(ARGV[3]), num(ARGV[4]), num(ARGV[5]), num(ARGV[6]), num(ARGV[7])
local folded = num(ARGV[11])
local hits = 12 + 2 * folded
local current = math.floor(t / slice)
local function of(age) return math.floor((t - num(age)) / slice) end

local h = redis.call('HMGET', KEYS[1], 'n', 'f', 'h', 'w')
if h[1] and num(h[1]) > current + recent then -- the clock stepped back by more than is recent
  redis.call('DEL', KEYS[1])
  h = {}
end
local latest, first, head, weight = math.max(num(h[1]), current), num(h[2]), num(h[3]), h[4] or '0'
if not h[1] then
  first = current
  for i = hits, #ARGV, 3 do first = math.min(first, of(ARGV[i])) end
  head = first
end

local last = string.match(redis.call('HGET', KEYS[2], ARGV[1]) or '', '^%d+')
if num(ARGV[2]) > num(last) then
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2] .. ' ' .. str(t))
  for i = hits, #ARGV, 3 do
    local number = of(ARGV[i])
    if number >= first then
      local name = str(number)
      if ARGV[i + 2] == '1' then name = 'o' .. name end
      redis.call('HINCRBY', KEYS[1], name, ARGV[i + 1])
    end
  end
end

if ARGV[8] ~= '' and than > 0 and num(ARGV[8]) == head then
  for i = 12, hits - 1, 2 do
    local left = redis.call('HINCRBY', KEYS[1], ARGV[i], '-' .. ARGV[i + 1])
    if left <= 0 then redis.call('HDEL', KEYS[1], ARGV[i], 'o' .. ARGV[i]) end
  end
  head, weight = num(ARGV[9]), ARGV[10]
  latest = math.max(latest, head)
end
redis.call('HSET', KEYS[1], 'n', str(latest), 'f', str(first), 'h', str(head), 'w', weight)

local all, part, whole, numbers = redis.call('HGETALL', KEYS[1]), {}, {}, {}
for i = 1, #all, 2 do
  local other, number = string.match(all[i], '^(o?)(%d+)$')
  if number then
    number = num(number)
    if not part[number] then
      part[number], whole[number] = 0, 0
      numbers[#numbers + 1] = number
    end
    if other == '' then part[number] = num(all[i + 1]) else whole[number] = num(all[i + 1]) end
  end
end
table.sort(numbers)
local slices = {}
for i, number in ipairs(numbers) do
  if than == 0 and number <= latest - recent or #numbers - i >= most then
    redis.call('HDEL', KEYS[1], str(number), 'o' .. str(number))
  else
    local n = #slices
    slices[n + 1], slices[n + 2], slices[n + 3] = number, part[number], whole[number]
  end
end

local purged = redis.call('HGET', KEYS[2], ' ')
if not purged then
  redis.call('HSET', KEYS[2], ' ', str(t))
elseif t - num(purged) > memory then
  local runs = redis.call('HGETALL', KEYS[2])
  for i = 1, #runs, 2 do
    local at = string.match(runs[i + 1], ' (%d+)$')
    if at and t - num(at) > memory then redis.call('HDEL', KEYS[2], runs[i]) end
  end
  redis.call('HSET', KEYS[2], ' ', str(t))
end
local ttl = str((recent + 1) * slice + than + memory)
redis.call('PEXPIRE', KEYS[1], ttl)
redis.call('PEXPIRE', KEYS[2], ttl)
return { latest, first, head, weight, slices }
