// Keeps the board's page in the browser: when the server cannot be reached, the page opens all the
// same, without calls, and catches up by itself later. board.js fills the cache.
const open = () => caches.open('board')

self.addEventListener('install', () => self.skipWaiting())
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))
self.addEventListener('fetch', (event) => {
  const { pathname } = new URL(event.request.url)
  if (event.request.mode === 'navigate' && pathname === '/board') event.respondWith(page(event.request))
  else if (pathname.startsWith('/static/')) event.respondWith(asset(event.request))
})

async function page(request) {
  const answer = await fetch(request).catch(() => undefined)
  if (answer && answer.status < 500) return answer
  return (await (await open()).match('/board', { ignoreSearch: true })) ?? answer ?? Response.error()
}

async function asset(request) {
  return (await (await open()).match(request)) ?? fetch(request)
}
