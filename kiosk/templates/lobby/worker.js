// Keeps the page that a kiosk shows while the server is not there, and what that page is made of.
// It keeps nothing else: no page of a citizen ever gets in here.
const shell = '/kiosk/waking'
const cacheName = 'kiosk-shell'

self.addEventListener('install', (event) => {
  const assets = new URL(self.location).searchParams.getAll('asset')
  self.skipWaiting()
  event.waitUntil(caches.open(cacheName).then((cache) => cache.addAll([shell, ...assets])))
})

self.addEventListener('activate', (event) => {
  event.waitUntil(forgetOld().then(() => self.clients.claim()))
})

async function forgetOld() {
  const kept = new Set([shell, ...new URL(self.location).searchParams.getAll('asset')])
  const cache = await caches.open(cacheName)
  const old = (await cache.keys()).filter((request) => !kept.has(new URL(request.url).pathname))
  await Promise.all(old.map((request) => cache.delete(request)))
}

// orKept answers with what is kept when the server is not there, or only a proxy before it is.
async function orKept(request, kept) {
  const answer = await fetch(request).catch(() => undefined)
  if (answer && answer.status < 500) return answer
  return (await caches.match(kept)) ?? answer ?? Response.error()
}

self.addEventListener('fetch', (event) => {
  const { request } = event
  if (request.method !== 'GET') return
  if (request.mode === 'navigate') {
    event.respondWith(orKept(request, shell))
  } else if (new URL(request.url).pathname.startsWith('/static/')) {
    event.respondWith(orKept(request, request))
  }
})
