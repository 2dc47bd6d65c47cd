// The menu folds away where it stands above the page.
const button = () => document.getElementById('menu-button')

function open(is) {
  button()?.setAttribute('aria-expanded', String(is))
}

document.addEventListener('click', (event) => {
  const pressed = event.target.closest('#menu-button')
  if (pressed) open(pressed.getAttribute('aria-expanded') !== 'true')
})

document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape' || button()?.getAttribute('aria-expanded') !== 'true') return
  open(false)
  button().focus()
})
