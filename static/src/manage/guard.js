// What was typed into a long form is kept in the browser's memory of this tab until it is saved, so that
// a sign-out or a lost line in between loses nothing.
const key = () => `typed:${location.pathname}`

const typed = (form) => JSON.stringify([...new FormData(form)].filter(([name]) => name !== 'rev' && name !== 'do'))

const forget = () => Object.keys(sessionStorage).filter((name) => name.startsWith('typed:')).forEach((name) => sessionStorage.removeItem(name))

const guard = () => {
  if (document.getElementById('done')) forget()
  const form = document.querySelector('form[data-guard]:not([data-guarded])')
  if (!form) return
  form.dataset.guarded = ''
  const fresh = typed(form)
  if (form.dataset.guard === 'typed') sessionStorage.setItem(key(), fresh)
  form.addEventListener('input', () => sessionStorage.setItem(key(), typed(form)))
  const kept = sessionStorage.getItem(key())
  const offer = document.getElementById('kept')
  if (!offer || document.getElementById('refused') || !kept || kept === fresh) return
  offer.hidden = false
  offer.querySelector('[data-kept="use"]').addEventListener('click', () => {
    const values = new URLSearchParams(JSON.parse(kept))
    values.set('do', 'again')
    values.set('rev', form.elements.rev.value)
    const again = Object.assign(document.createElement('form'), { method: 'post', action: location.pathname + location.search, hidden: true })
    for (const [name, value] of values) again.append(Object.assign(document.createElement('input'), { type: 'hidden', name, value }))
    document.body.append(again)
    sessionStorage.removeItem(key())
    again.submit()
  })
  offer.querySelector('[data-kept="drop"]').addEventListener('click', () => {
    sessionStorage.removeItem(key())
    offer.hidden = true
  })
}

document.addEventListener('htmx:after:swap', guard)
guard()
