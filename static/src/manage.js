// The managers' console: pages without a load between them, states that keep themselves up to date, a
// menu that folds away on a tablet. Without it they are plain pages and forms.
import 'htmx.org'
import './manage/pages.js'
import './manage/menu.js'
import './manage/copy.js'
import './manage/openings.js'
import './manage/guard.js'
import './manage/placing.js'

document.documentElement.classList.add('js')
