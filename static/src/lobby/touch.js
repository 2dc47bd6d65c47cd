// What touches and keys do: links and forms of the kiosk go through pages.js.
import { go, reset } from './pages.js'

document.addEventListener('click', (event) => {
  if (event.target.closest('[data-reset]')) {
    reset()
    return
  }
  const link = event.target.closest('a[href^="/kiosk"]')
  if (!link) return
  event.preventDefault()
  if (link.getAttribute('href') === '/kiosk') {
    reset()
    return
  }
  link.setAttribute('data-pressed', '')
  go(link.href)
})

document.addEventListener('submit', (event) => {
  if (event.defaultPrevented) return
  event.preventDefault()
  const { target: form, submitter } = event
  submitter?.setAttribute('data-pressed', '')
  const fields = new URLSearchParams(new FormData(form, submitter))
  const address = new URL(submitter?.hasAttribute('formaction') ? submitter.formAction : form.action)
  if (form.method === 'get') {
    address.search = fields
    go(address)
  } else {
    go(address, { method: 'POST', body: fields })
  }
})

// A link that looks like a switch answers to the space bar as buttons do.
document.addEventListener('keydown', (event) => {
  const link = event.target.closest?.('a[role="button"]')
  if (link && event.key === ' ') {
    event.preventDefault()
    link.click()
  }
})

// A long press, and dragging, are for nothing here.
for (const name of ['contextmenu', 'dragstart']) document.addEventListener(name, (event) => event.preventDefault())
