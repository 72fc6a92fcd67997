-- Before every script that asks whether a window is open. The terms of a rule are '' or the length up to which its windows double and the moments of the steps of
-- its escalation, as "14400000 600000 1200000".
local function termsOf(text)
  local list = {}
  for n in string.gmatch(text or '', '%d+') do list[#list + 1] = num(n) end
  return list
end

-- ends returns when a window ends that was opened at o and doubled n times, and its length. Touched is when a node last claimed, or was hit: a window that is longer
-- than the cooldown ends when no node did for that time.
local function ends(o, touched, cooldown, terms, n)
  local length, most = cooldown, terms[1] or 0
  for _ = 1, n do
    if length < most then length = math.min(2 * length, most) end
  end
  return math.min(o + length, math.max(o, touched) + cooldown), length
end
