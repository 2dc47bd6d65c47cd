// Copies what is shown once. Pages that are not served by HTTPS have no clipboard of their own, but can
// copy what is selected.
document.addEventListener('click', async (event) => {
  const from = document.getElementById(event.target.closest('[data-copy]')?.dataset.copy)
  if (!from) return
  from.select()
  try {
    await navigator.clipboard.writeText(from.value)
  } catch {
    if (!document.execCommand('copy')) return
  }
  const said = document.querySelector('[data-copied]')
  said.textContent = said.dataset.copied
})
