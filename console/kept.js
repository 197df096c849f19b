// What is kept on this device until Swipr has it: each step is one transaction, so that no tab undoes another's.

const VERSION = 1;

/** One record for each card: {user, card_id, at, choice | null (take it back), chosen_by, source, batch: key | null,
 * after: another word on this card may have been sent before}. */
const ANSWERS = "answers";
/** At most one for each user: {user, key, labels}; sent again and again, unchanged, until Swipr said what became of it. */
const BATCHES = "batches";

let opened = null;

function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("swipr", VERSION);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(ANSWERS, { keyPath: ["user", "card_id"] });
      request.result.createObjectStore(BATCHES, { keyPath: "user" });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  opened.catch(() => { opened = null; });
  return opened;
}

/** Run `work(answers, batches)` in one transaction; what it returns is known to be stored when this resolves. */
async function within(mode, work) {
  const transaction = (await database()).transaction([ANSWERS, BATCHES], mode);
  const ended = new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error);
  });
  ended.catch(() => {}); // told below, unless the work itself failed
  const found = await work(transaction.objectStore(ANSWERS), transaction.objectStore(BATCHES));
  await ended;
  return found;
}

const done = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});
const mine = (user) => IDBKeyRange.bound([user], [user, []]);
const oldestFirst = (records) => records.sort((a, b) => a.at - b.at);

export const keptAnswers = (user) => within("readonly", async (answers) => oldestFirst(await done(answers.getAll(mine(user)))));

/** Keep an answer; one that was kept for this card before gives way to it. */
export function keep(answer) {
  return within("readwrite", async (answers) => {
    const kept = await done(answers.get([answer.user, answer.card_id]));
    return done(answers.put({ ...answer, batch: null, after: Boolean(kept && (kept.batch || kept.after)) }));
  });
}

/** Take an answer back. One that was never sent is simply gone; else Swipr is to be told. */
export function takeBack({ user, card_id, at, chosen_by }) {
  return within("readwrite", async (answers) => {
    const kept = await done(answers.get([user, card_id]));
    if (kept && !kept.batch && !kept.after) return done(answers.delete([user, card_id]));
    return done(answers.put({ user, card_id, at, chosen_by, choice: null, batch: null, after: true }));
  });
}

/** The labels to send next: those that were being sent, else up to `most` that were not, oldest first; null if none. */
export function nextBatch(user, most, newKey) {
  return within("readwrite", async (answers, batches) => {
    const begun = await done(batches.get(user));
    if (begun) return begun;
    const chosen = oldestFirst(await done(answers.getAll(mine(user)))).filter((one) => one.choice).slice(0, most);
    if (!chosen.length) return null;
    const key = newKey();
    const labels = chosen.map(({ card_id, choice, source, chosen_by }) => ({ card_id, choice, source, chosen_by }));
    for (const one of chosen) answers.put({ ...one, batch: key });
    batches.put({ user, key, labels });
    return { user, key, labels };
  });
}

/** The batch was taken, or refused for good: its answers need no sending, but what was said meanwhile does. */
export function endBatch(user, key, isOver = () => true) {
  return within("readwrite", async (answers, batches) => {
    for (const one of await done(answers.getAll(mine(user)))) {
      if (one.batch !== key) continue;
      if (isOver(one.card_id)) answers.delete([user, one.card_id]);
      else answers.put({ ...one, batch: null });
    }
    return done(batches.delete(user));
  });
}

/** Swipr has taken a label back, or is to be told `instead` what it said before; what was answered meanwhile stays. */
export function endTakingBack({ user, card_id, at }, instead = null) {
  return within("readwrite", async (answers) => {
    const kept = await done(answers.get([user, card_id]));
    if (!kept || kept.choice !== null || kept.at !== at) return;
    if (instead) answers.put({ ...kept, choice: instead, source: "correction", chosen_by: "person" });
    else answers.delete([user, card_id]);
  });
}
