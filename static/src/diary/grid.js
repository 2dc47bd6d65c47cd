// The grid is one stop of the Tab key; inside, the arrows go to the nearest link that way.

const links = () => [...document.querySelectorAll('.hours tbody a')]

// enter makes one link of the grid the one that Tab finds.
export function enter(wanted) {
  const all = links()
  const chosen = all.find((link) => link.getAttribute('href') === wanted) ?? all.find((link) => link.matches('.block')) ?? all[0]
  for (const link of all) link.tabIndex = link === chosen ? 0 : -1
}

const middle = (link) => {
  const box = link.closest('td').getBoundingClientRect()
  return { x: box.left + box.width / 2, top: box.top, bottom: box.bottom }
}

// nearest is the link that lies that way: the next of the column, or the one beside it.
function nearest(from, key) {
  const here = middle(from)
  const sideways = key === 'ArrowLeft' || key === 'ArrowRight'
  const sign = key === 'ArrowLeft' || key === 'ArrowUp' ? -1 : 1
  let best
  let least = Infinity
  for (const link of links()) {
    if (link === from) continue
    const there = middle(link)
    const across = there.x - here.x
    const along = there.top - here.top
    if (sideways ? sign * across <= 1 : Math.abs(across) > 1 || sign * along <= 0) continue
    const apart = sideways ? Math.abs(across) * 1000 + Math.abs(along) : Math.abs(along)
    if (apart < least) [best, least] = [link, apart]
  }
  return best
}

document.addEventListener('keydown', (event) => {
  const from = event.target.closest?.('.hours tbody a')
  if (!from || !event.key.startsWith('Arrow') || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return
  event.preventDefault()
  const link = nearest(from, event.key)
  if (!link) return
  from.tabIndex = -1
  link.tabIndex = 0
  link.focus()
})

enter()
document.querySelector('.hours .now')?.scrollIntoView({ block: 'center', inline: 'nearest' })
