// keepShell keeps the page without calls, and what it needs, in the browser: a board that is
// switched on while the server cannot be reached shows it and waits (worker.js answers with it).
// Browsers allow that over HTTPS and on the machine's own addresses only.
const shell = `/board?shell=1&lang=${document.documentElement.lang}`

export async function keepShell() {
  if (!('serviceWorker' in navigator)) return
  try {
    await navigator.serviceWorker.register('/board/worker.js', { scope: '/board' })
    await document.fonts.ready
    const wanted = [shell, ...assets()]
    const cache = await caches.open('board')
    await cache.addAll(wanted)
    const old = (await cache.keys()).filter(({ url }) => !wanted.includes(url.slice(location.origin.length)))
    await Promise.all(old.map((request) => cache.delete(request)))
  } catch (error) {
    console.info('board: not kept for offline', error)
  }
}

function assets() {
  const loaded = performance.getEntriesByType('resource').map(({ name }) => new URL(name))
  const paths = loaded.filter(({ pathname }) => pathname.startsWith('/static/')).map(({ pathname }) => pathname)
  return [...new Set(paths)]
}
