-- ARGV: 3 run, 4 node, 5 sequence number, 6 age of the first and 7 of the last hit, 8 cooldown, 9 grace, 10 sample, 11 rule, 12 text, 13 most windows of the
-- shard, 14 terms, then reasons and counts. Returns: 1 counted, 0 known, 2 no room.
local t, run, seq = now(), ARGV[3], num(ARGV[5])
local o, q = opened(t)
local before = redis.call('HGET', KEYS[2], run)
local gen, last
if before then
  gen, last = string.match(before, '^(%d+):(%d+)$')
  if o and seq <= num(last) then return { 0 } end
end
if not o then
  if not room(t, num(ARGV[13])) then return { 2 } end
  redis.call('DEL', KEYS[2])
  gen = nil
  redis.call('HSET', KEYS[1], 'o', str(t), 'cd', ARGV[8], 'gr', ARGV[9], 'td', td, 'r', ARGV[11], 'x', ARGV[12], 'tm', ARGV[14])
  if #termsOf(ARGV[14]) > 1 then redis.call('HSET', KEYS[1], 'eb', str(t), 'es', '0') end
  q = t
end
local w = redis.call('HMGET', KEYS[1], 'g', 'h', 'c', 'f', 'l', 'k', 'hs', 'cd', 'tm')
local g = str(num(w[1]))
redis.call('HSET', KEYS[2], run, g .. ':' .. ARGV[5])
local counts, sum = {}, 0
for reason, n in string.gmatch(w[3] or '', '([a-z_]+)=(%d+)') do counts[reason] = num(n) end
for i = 15, #ARGV, 2 do
  counts[ARGV[i]] = (counts[ARGV[i]] or 0) + num(ARGV[i + 1])
  sum = sum + num(ARGV[i + 1])
end
local list = {}
for reason, n in pairs(counts) do list[#list + 1] = reason .. '=' .. str(n) end
if num(w[2]) == 0 then redis.call('HSET', KEYS[1], 's', ARGV[10]) end
if gen ~= g then
  redis.call('HSET', KEYS[1], 'k', str(num(w[6]) + 1))
  if num(w[6]) < 10 then redis.call('HSET', KEYS[1], 'hs', (w[7] and w[7] .. '\n' or '') .. ARGV[4]) end
end
local first, latest = t - num(ARGV[6]), t - num(ARGV[7])
if w[4] then first = math.min(first, num(w[4])) end
latest = math.max(latest, num(w[5]))
redis.call('HSET', KEYS[1], 'h', str(num(w[2]) + sum), 'c', table.concat(list, ' '), 'f', str(first), 'l', str(latest), 'q', str(math.max(q, latest)))
redis.call('HINCRBY', KEYS[4], 'given', str(sum))
redis.call('HINCRBY', KEYS[4], 'u:' .. kh, str(sum))
keep(t, math.max(num(w[8]), termsOf(w[9])[1] or 0))
schedule(t)
return { 1 }
