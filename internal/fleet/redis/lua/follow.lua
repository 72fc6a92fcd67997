-- KEYS: 1 the sequence. ARGV: 1 within, then the ages of the first and the last hit of each span. Returns for each span: 1 a hit of it followed the other rule, or 0.
local t, within, apart = now(), num(ARGV[1]), 100 -- fleet.Apart
local list, answer = {}, {}
for word in string.gmatch(redis.call('HGET', KEYS[1], 'e') or '', '%d+') do list[#list + 1] = math.min(num(word), t) end
for i = 2, #ARGV, 2 do
  local first, last, follows = t - num(ARGV[i]), t - num(ARGV[i + 1]), 0
  for _, at in ipairs(list) do
    if at < first + apart and at > first - within or at < last + apart and at > last - within then follows = 1 end
  end
  answer[#answer + 1] = follows
end
return answer
