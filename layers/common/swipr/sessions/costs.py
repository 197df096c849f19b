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

#: begin and finish are transactions over user, decision and Acted: three items, two units each, twice. What is read
#: before them (the user for quiet time and limits, then those three, twice) costs a fifth of a write each: one more.
WRITES_PER_ACTION = 13
#: lease, end, slot, plus the tick's share: four. One for what the hourly reading of matches writes (when it was, and
#: a new match with its decision now and then), one for reading the user, the matches and the newest decisions.
WRITES_PER_SESSION = 6
#: Acted, decision and label of a card.
READS_PER_CARD = 3


def session_microusd(
    *, session_s: float, judge_ms: float, judge_calls: int, photos: int, cards: int, actions: int
) -> float:
    """Session and judge time, requests, table reads and writes, the photos' object and its ranges, the queue."""
    compute = LAMBDA_USD_PER_GB_S * (SESSION_GB * session_s + JUDGE_GB * judge_ms / 1000)
    requests = LAMBDA_USD_PER_REQUEST * (1 + judge_calls)
    tables = DYNAMO_USD_PER_WRITE * (WRITES_PER_SESSION + WRITES_PER_ACTION * actions)
    tables += DYNAMO_USD_PER_READ * READS_PER_CARD * cards
    objects = (S3_USD_PER_PUT * 2 if photos else 0.0) + S3_USD_PER_GET * photos
    return 1e6 * (compute + requests + tables + objects + SQS_USD_PER_REQUEST * 3)
