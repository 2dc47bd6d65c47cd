// What a browser does by itself when it loads a page: the top of it is shown and the focus goes there.
let shown = location.pathname

// A page of another surface has a look and scripts of its own, so the browser loads it.
document.addEventListener('htmx:before:response', (event) => {
  const { ctx } = event.detail
  if (!ctx.response.headers.has('X-Request-Id')) { // a proxy speaks: the server is away
    event.preventDefault()
    document.getElementById('offline').hidden = false
    return
  }
  const { pathname, href } = new URL(ctx.response.raw.url)
  if (pathname === '/manage' || pathname.startsWith('/manage/')) return
  event.preventDefault()
  // What keeps itself up to date was sent to the door: it leads back here.
  if (ctx.target?.id === 'live') location.reload()
  else location.assign(href)
})

document.addEventListener('htmx:after:swap', (event) => {
  document.getElementById('offline').hidden = true
  if (event.detail.ctx.target?.id === 'live') return
  const answer = document.getElementById('refused') ?? document.getElementById('done')
  const moved = location.pathname !== shown
  shown = location.pathname
  if (answer || moved) window.scrollTo({ top: 0, behavior: 'instant' })
  if (answer || moved || document.activeElement === document.body) {
    (answer ?? document.getElementById('main')).focus({ preventScroll: true })
  }
})

document.addEventListener('htmx:error', () => { document.getElementById('offline').hidden = false })
