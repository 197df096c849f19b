"""`ports.Store` in DynamoDB."""

from swipr.aws.store_labels import Labels
from swipr.aws.store_matches import Matches, Requests
from swipr.aws.store_records import Records
from swipr.aws.store_sessions import Sessions
from swipr.aws.store_users import Users


class DynamoStore(Users, Sessions, Records, Labels, Matches, Requests):
    """Every operation is one transaction over what it read; safe from any number of processes and threads.

    Lists by time (`due_users`, `decisions`) come from indexes, which follow the tables within moments. Raises AwsError,
    and ValueError for a number that is not finite.
    """
