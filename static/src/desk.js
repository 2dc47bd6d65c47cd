// The officer's and the manager's screens: forms without a page load, live lists, sheets as
// dialogs, keyboard shortcuts. Without it they are plain pages and forms.
import 'htmx.org'
import 'htmx.org/dist/ext/hx-sse.js'
import './desk/live.js'
import './desk/sheet.js'
import './desk/keys.js'

document.documentElement.classList.add('js')
