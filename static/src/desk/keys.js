// Keyboard shortcuts: a key presses the button that names it. They can be turned off (WCAG 2.1.4)
// and never act while somebody types or a dialog is open.

const setting = 'sportello.keys'
const isOff = () => localStorage.getItem(setting) === 'off'
const show = () => document.documentElement.classList.toggle('keys-off', isOff())

document.addEventListener('keydown', (event) => {
  if (isOff() || event.repeat || event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return
  if (event.target.closest('input, select, textarea, [contenteditable]')) return
  const wanted = event.key.toLowerCase()
  const button = [...document.querySelectorAll('[data-key]')].find((one) => one.dataset.key === wanted && !one.disabled)
  if (!button) return
  event.preventDefault()
  button.click()
})

document.addEventListener('sheet', () => {
  const box = document.getElementById('keys-on')
  if (!box) return
  box.checked = !isOff()
  box.addEventListener('change', () => {
    localStorage.setItem(setting, box.checked ? 'on' : 'off')
    show()
  })
})
show()
