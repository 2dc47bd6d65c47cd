// The public pages at home: booking works without a script, this only improves it.

// What was refused is what is read first.
document.querySelector('[data-focus]')?.focus()

const hold = document.querySelector('.hold')
const warnAt = 120 // seconds before a hold is over

if (hold) countDown(Date.now() + Number(hold.dataset.left) * 1000)

// countDown shows how long a start is still held. Only the warning and the end are read aloud.
function countDown(end) {
  const clock = hold.querySelector('.hold-left')
  const news = hold.querySelector('.hold-news')
  let said
  clock.hidden = false
  const tick = () => {
    const left = Math.max(0, Math.ceil((end - Date.now()) / 1000))
    clock.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`
    const say = left === 0 ? 'over' : left <= warnAt ? 'soon' : undefined
    if (say && say !== said) {
      said = say
      news.textContent = news.dataset[say]
      hold.classList.add('hold-soon')
    }
    if (left === 0) clearInterval(timer)
  }
  const timer = setInterval(tick, 1000)
  tick()
}

// The menu of languages closes as menus do.
const menu = document.querySelector('.tongue-menu')
document.addEventListener('click', ({ target }) => { if (!menu?.contains(target)) menu?.removeAttribute('open') })
menu?.addEventListener('keydown', ({ key }) => {
  if (key !== 'Escape') return
  menu.removeAttribute('open')
  menu.querySelector('summary').focus()
})
