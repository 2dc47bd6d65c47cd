// While nobody is here the kiosk asks now and then whether the server is there and whether it has
// a newer start page; a page that is kept for when the server is away goes as soon as it is back.
const aliveEvery = 5_000
const wakingEvery = 2_000

let timer

function arm() {
  clearTimeout(timer)
  if (document.body.hasAttribute('data-waking')) timer = setTimeout(wake, wakingEvery)
  else if (document.body.hasAttribute('data-start')) timer = setTimeout(check, aliveEvery)
}

async function alive() {
  const response = await fetch('/kiosk/alive', { headers: { Accept: 'application/json' } })
  if (response.status >= 500) throw new Error(`status ${response.status}`)
  return response
}

async function wake() {
  try {
    await alive()
    location.replace('/kiosk')
  } catch {
    arm()
  }
}

async function check() {
  const { body } = document
  try {
    const response = await alive()
    const known = response.ok && (await response.json()).version === body.dataset.version
    if (!body.isConnected) return
    if (known) document.getElementById('lost').hidden = true
    else location.replace('/kiosk')
  } catch {
    if (body.isConnected) document.getElementById('lost').hidden = false
  }
  if (body.isConnected) arm()
}

document.addEventListener('lobby:page', arm)

// Service workers exist only where the address is secure, or this machine's own.
async function keepWakingPage() {
  const worker = new URL('/kiosk/worker.js', location)
  for (const asset of document.querySelectorAll('link[rel="stylesheet"], script[src]')) {
    worker.searchParams.append('asset', new URL(asset.href ?? asset.src).pathname)
  }
  await navigator.serviceWorker.register(worker, { scope: '/kiosk' })
}

if ('serviceWorker' in navigator && document.body.hasAttribute('data-start')) {
  keepWakingPage().catch(() => {
    // Without it the browser shows its own page until the server is there.
  })
}
