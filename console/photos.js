// Photos of decisions: fetched with the access token into blob addresses, given back when their card leaves the page.

import { readPhoto } from "/console/api.js";
import { inTurn } from "/console/turns.js";

/** "card_id n" -> promise of a blob address */
const addresses = new Map();

/** Put a decision's n-th photo into the frame's img; the frame keeps its drawn stand-in when there is none to be had. */
export async function showPhoto(frame, cardId, n, alt) {
  const wanted = key(cardId, n);
  if (frame.dataset.photo === wanted) return;
  frame.dataset.photo = wanted;
  const img = frame.querySelector("img");
  img.hidden = true;
  const address = await addressOf(cardId, n).catch(() => null);
  if (frame.dataset.photo !== wanted) return;
  if (!address) {
    delete frame.dataset.photo; // asked for again when the card is drawn next
    return;
  }
  img.src = address;
  img.alt = alt;
  img.hidden = false;
}

function addressOf(cardId, n) {
  const name = key(cardId, n);
  if (!addresses.has(name)) {
    const address = inTurn(() => readPhoto(cardId, n)).then((blob) => URL.createObjectURL(blob));
    address.catch(() => addresses.delete(name));
    addresses.set(name, address);
  }
  return addresses.get(name);
}

/** The photo as an image that is ready to be drawn. Raises ApiError, whose status is 404 when it is gone. */
export async function pictureOf(cardId, n) {
  const img = new Image();
  img.src = await addressOf(cardId, n);
  await img.decode();
  return img;
}

/** Give back the photos of one card. */
export function dropPhotos(cardId) {
  for (const [name, address] of addresses) {
    if (!name.startsWith(`${cardId} `)) continue;
    addresses.delete(name);
    address.then(URL.revokeObjectURL, () => {});
  }
}

const key = (cardId, n) => `${cardId} ${n}`;
