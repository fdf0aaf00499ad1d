// One sample in a process of its own: sample.mjs LIBRARY FILE. Prints { ms, bytes, singles }: a new
// document takes in the whole history from one message and reads the text, in the median of calls
// once the engine is warm; the bytes of that message; and of all turns as they went over the wire.
import { load } from './libraries.mjs'
import { readSession } from './sessions.mjs'

const [name, file] = process.argv.slice(2)
const calls = 7
const library = await load(name)
const session = readSession(file)

function receive(document, some) {
  if (library.receiveAll) return void (some.length && library.receiveAll(document, some))
  for (const message of some) library.receive(document, message)
}

const documents = Array.from({ length: session.authors }, (_, author) => library.open(author))
const messages = []
for (const { author, hears, edits } of session.turns) {
  const document = documents[author]
  receive(document, hears.map(turn => messages[turn]))
  messages.push(library.edit(document, edits))
}
const whole = library.open(800)
receive(whole, messages)
const all = library.all(session.authors === 1 ? documents[0] : whole)

const times = []
for (let call = 0; call <= calls; ++call) {
  globalThis.gc?.()
  const start = process.hrtime.bigint()
  const text = library.read(library.from(all))
  times.push(Number(process.hrtime.bigint() - start) / 1e6)
  if (text !== session.end) throw new Error(`${name} ends in another text`)
}
const warm = times.slice(1).sort((x, y) => x - y)
const singles = messages.reduce((sum, message) => sum + message.length, 0)
console.log(JSON.stringify({ ms: warm[calls >> 1], bytes: all.length, singles }))
