// A few at a time: an AWS account of the first days runs ten functions at once, and sessions want theirs.

const AT_ONCE = 4;

let running = 0;
const waiting = [];

/** Do `work` when its turn comes, in the order asked; resolves or rejects as it does. */
export async function inTurn(work) {
  if (running < AT_ONCE) running += 1;
  else await new Promise((go) => waiting.push(go)); // whoever ends hands its place over
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  }
}
