// The libraries, one face: a document with one text, edits that become messages for others, the whole
// history as one message, and back.
import { createRequire } from 'node:module'

export const names = ['yjs', 'loro', 'automerge', 'diamond-types']

/** Loads one library alone, so that it has the process for itself. */
export const load = name => makers[name]()

const makers = {
  async yjs() {
    const Y = await import('yjs')
    const open = author => {
      const doc = new Y.Doc({ gc: false }) // as the others do: nothing of the history is dropped
      doc.clientID = author + 1
      const d = { doc, text: doc.getText('t'), said: null }
      doc.on('updateV2', (update, origin) => { if (origin === 'own') d.said = update })
      return d
    }
    return {
      open,
      edit(d, edits) {
        d.doc.transact(() => {
          for (const [at, removed, inserted] of edits) {
            if (removed) d.text.delete(at, removed)
            if (inserted) d.text.insert(at, inserted)
          }
        }, 'own')
        return d.said
      },
      receive: (d, message) => Y.applyUpdateV2(d.doc, message),
      all: d => Y.encodeStateAsUpdateV2(d.doc),
      from(message) {
        const d = open(900)
        Y.applyUpdateV2(d.doc, message)
        return d
      },
      read: d => d.text.toString(),
    }
  },
  async loro() {
    const { LoroDoc } = await import('loro-crdt')
    const open = author => {
      const doc = new LoroDoc()
      doc.setPeerId(BigInt(author + 1))
      const d = { doc, text: doc.getText('t'), said: null }
      doc.subscribeLocalUpdates(update => { d.said = update })
      return d
    }
    return {
      open,
      edit(d, edits) {
        for (const [at, removed, inserted] of edits) {
          if (removed) d.text.delete(at, removed)
          if (inserted) d.text.insert(at, inserted)
        }
        d.doc.commit()
        return d.said
      },
      receive: (d, message) => d.doc.import(message),
      all: d => d.doc.export({ mode: 'update' }),
      from(message) {
        const d = open(900)
        d.doc.import(message)
        return d
      },
      read: d => d.text.toString(),
    }
  },
  async automerge() {
    const A = await import('@automerge/automerge')
    const actor = author => (author + 1).toString(16).padStart(32, '0')
    // One change makes the text; all documents begin with it.
    const root = A.save(A.change(A.init({ actor: actor(4095) }), { time: 0 }, d => { d.t = '' }))
    return {
      open: author => ({ doc: A.load(root, { actor: actor(author) }) }),
      edit(d, edits) {
        d.doc = A.change(d.doc, doc => {
          for (const [at, removed, inserted] of edits) A.splice(doc, ['t'], at, removed, inserted)
        })
        return A.getLastLocalChange(d.doc)
      },
      receive(d, message) { d.doc = A.applyChanges(d.doc, [message])[0] },
      // One by one, each of them costs what the document does.
      receiveAll(d, messages) { d.doc = A.applyChanges(d.doc, messages)[0] },
      all: d => A.save(d.doc),
      from: message => ({ doc: A.load(message, { actor: actor(900) }) }),
      read: d => d.doc.t,
    }
  },
  async 'diamond-types'() {
    const { Doc } = createRequire(import.meta.url)('diamond-types-node')
    return {
      open: author => ({ doc: new Doc('author' + author) }),
      edit(d, edits) {
        const before = d.doc.getLocalVersion()
        for (const [at, removed, inserted] of edits) {
          if (removed) d.doc.del(at, removed)
          if (inserted) d.doc.ins(at, inserted)
        }
        return d.doc.getPatchSince(before)
      },
      receive: (d, message) => d.doc.mergeBytes(message),
      all: d => d.doc.toBytes(),
      from: message => ({ doc: Doc.fromBytes(message, 'author900') }),
      read: d => d.doc.get(),
    }
  },
}
