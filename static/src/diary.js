// The diary: arrows move in the grid, keys press buttons, the page follows what others do. Without it
// they are plain pages, links and forms.
import './desk/keys.js'
import './diary/grid.js'
import './diary/live.js'
import './diary/left.js'

document.documentElement.classList.add('js')
document.addEventListener('click', (event) => {
  if (event.target.closest('[data-print]')) window.print()
})
