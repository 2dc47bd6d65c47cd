// The page that places fields on a form draws PDF pages, for which it gets its own, large script.
const start = async () => {
  const form = document.querySelector('form[data-placing]:not([data-placed])')
  if (!form) return
  form.dataset.placed = ''
  const { place } = await import(form.dataset.script)
  place(form)
}

document.addEventListener('htmx:after:swap', start)
start()
