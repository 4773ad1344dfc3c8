-- Sends the prepared requests of one file, each once and in order; having none left, it stops rather than repeat any,
-- and says so: the rest of the time would count as if nothing had been served.

local requests, place = {}, 0

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  while true do
    local length = file:read(8)
    if not length then break end
    requests[#requests + 1] = file:read(tonumber(length))
  end
  file:close()
end

function request()
  place = place + 1
  if place == #requests then
    io.stderr:write("ran dry\n")
    wrk.thread:stop()
  end
  return requests[math.min(place, #requests)]
end
