// Opens the pages that only ask something as dialogs over the work page.
import { refresh } from './live.js'

const dialog = document.getElementById('dialog')

async function open(address) {
  const response = await fetch(address, { headers: { Accept: 'text/html' } })
  const page = new DOMParser().parseFromString(await response.text(), 'text/html')
  const sheet = page.getElementById('sheet')
  if (!sheet) { // there is nothing to ask any more, or nobody is signed in
    refresh()
    return
  }
  dialog.replaceChildren(sheet)
  window.htmx.process(dialog)
  dialog.dispatchEvent(new Event('sheet', { bubbles: true }))
  dialog.showModal()
}

const plain = (event) => event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey

document.addEventListener('click', (event) => {
  const link = event.target.closest('a[data-sheet]')
  if (link && plain(event)) {
    event.preventDefault()
    event.stopPropagation()
    open(link.href).catch(() => location.assign(link.href))
  } else if (event.target === dialog || (dialog.open && event.target.closest('[data-dismiss]'))) {
    event.preventDefault()
    event.stopPropagation()
    dialog.close()
  }
}, true)

document.addEventListener('htmx:after:swap', (event) => {
  const answered = dialog.contains(event.detail.ctx.sourceElement)
  if (dialog.open && (answered || !document.getElementById('events'))) dialog.close()
})

// A closed dialog keeps nothing: the next page may have a sheet of its own with the same ids.
dialog?.addEventListener('close', () => dialog.replaceChildren())
