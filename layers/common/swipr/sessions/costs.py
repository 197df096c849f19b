"""What a session would cost on AWS, in micro-dollars, by list prices; nothing here was billed.

Prices: us-east-1, x86, on-demand, without free tiers, as published in 2026. Durations are measured where the code
runs, so locally the figure says what this machine's speed would cost there.
"""

LAMBDA_USD_PER_GB_S = 1.66667e-5
LAMBDA_USD_PER_REQUEST = 2.0e-7
DYNAMO_USD_PER_WRITE = 6.25e-7
DYNAMO_USD_PER_READ = 1.25e-7
S3_USD_PER_PUT = 5.0e-6
S3_USD_PER_GET = 4.0e-7
SQS_USD_PER_REQUEST = 4.0e-7

SESSION_GB = 0.25
JUDGE_GB = 1769 / 1024

#: Units as DynamoDB counts them: a write per kB begun, a strongly consistent read per 4 kB begun, twice that in a
#: transaction. Measured with a user's record of 5.3 kB (8 sessions, a token, a hand-off) and a decision of 1.6 kB (6
#: photos). begin and finish are a transaction each over user (12), decision (4, and 2 for the index by time) and Acted
#: (2): 20, twice.
WRITES_PER_ACTION = 40
#: The user for quiet time and limits (2); before begin and finish those three items in a transaction (8), twice.
READS_PER_ACTION = 18
#: The user's record once each for slot, lease, end and, now and then, when matches were read (6 each); 2 for the index
#: of who is due, which the slot moves; 2 for a new match now and then.
WRITES_PER_SESSION = 28
#: The user's record before each of those, at the start, and for matches (2 each); the rest for the newest decisions.
READS_PER_SESSION = 20
#: Acted twice (was it swiped, was it forgotten), decision and label of a card, and Acted once more after writing.
READS_PER_CARD = 5
#: Whether the card was forgotten, before it is begun and after it is settled.
MARKS_PER_ACTION = 2
#: A version of up to 11 kB.
READS_PER_SHADOW = 3


def session_microusd(
    *,
    session_s: float,
    judge_ms: float,
    judge_calls: int,
    photos: int,
    cards: int,
    actions: int,
    networks: int = 0,
    shadows: int = 0,
) -> float:
    """Session and judge time, requests, table reads and writes, the photos' object and its ranges, the queue.

    Each of the `networks` the judge was given is counted as read, though it keeps some.
    """
    compute = LAMBDA_USD_PER_GB_S * (SESSION_GB * session_s + JUDGE_GB * judge_ms / 1000)
    requests = LAMBDA_USD_PER_REQUEST * (1 + judge_calls)
    tables = DYNAMO_USD_PER_WRITE * (WRITES_PER_SESSION + WRITES_PER_ACTION * actions)
    reads = READS_PER_SESSION + READS_PER_CARD * cards + READS_PER_SHADOW * shadows
    reads += (READS_PER_ACTION + MARKS_PER_ACTION) * actions
    tables += DYNAMO_USD_PER_READ * reads
    objects = (S3_USD_PER_PUT * 2 if photos else 0.0) + S3_USD_PER_GET * (photos + networks)
    return 1e6 * (compute + requests + tables + objects + SQS_USD_PER_REQUEST * 3)
