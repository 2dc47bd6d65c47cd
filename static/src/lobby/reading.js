// A long text is turned like the pages of a book: it is set in columns as wide as the screen, and the
// buttons move it by a screen. Without a script it scrolls.
let at = 0

const part = (name) => document.querySelector(`[data-${name}]`)

function lay() {
  const box = part('reading')
  if (!box) return
  const text = box.firstElementChild
  const gap = parseFloat(getComputedStyle(text).columnGap)
  const step = box.clientWidth + gap
  const pages = Math.max(1, Math.ceil((text.scrollWidth + gap - 1) / step))
  at = Math.min(Math.max(at, 0), pages - 1)
  text.style.translate = `${(text.dir === 'rtl' ? at : -at) * step}px`
  const [previous, next] = document.querySelectorAll('[data-turn]')
  const focused = document.activeElement
  previous.disabled = at === 0
  next.disabled = at === pages - 1
  if (focused === previous && previous.disabled) next.focus()
  if (focused === next && next.disabled) previous.focus()
  const status = part('words')
  status.textContent = status.dataset.words.replace('[at]', at + 1).replace('[pages]', pages)
}

const resized = new ResizeObserver(lay)

document.addEventListener('lobby:page', () => {
  resized.disconnect()
  at = 0
  const box = part('reading')
  if (!box) return
  box.dataset.reading = 'pages'
  box.removeAttribute('tabindex') // there is nothing to scroll any more
  part('turning').hidden = false
  resized.observe(box)
})
document.addEventListener('click', (event) => {
  const button = event.target.closest('[data-turn]')
  if (!button) return
  at += Number(button.dataset.turn)
  lay()
})
document.fonts.addEventListener('loadingdone', lay)
