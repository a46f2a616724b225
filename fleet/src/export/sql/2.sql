CREATE INDEX ON mt5redis.events (time);
CREATE INDEX ON mt5redis.signals (time);
CREATE INDEX ON mt5redis.reports (time);

-- The deals among the events: the sum of profit, swap and commission is what they changed the balance by.
CREATE VIEW mt5redis.deals AS
    SELECT instance, time, deal_ticket, order_ticket, position, deal_kind, deal_entry, symbol, volume, deal_price, profit,
        swap, commission, magic, digits, comment
    FROM mt5redis.events
    WHERE event = 'deal';

-- What a follower reported first about each signal. After a restart it may send a report again.
CREATE VIEW mt5redis.outcomes AS
    SELECT DISTINCT ON (instance, source, signal_producer, signal_sequence) *
    FROM mt5redis.reports
    ORDER BY instance, source, signal_producer, signal_sequence, time, sequence;

-- Records that were deleted before they were exported: a row names the one before it, and that one is not here, though
-- older ones of the same producer are.
CREATE VIEW mt5redis.gaps AS
    SELECT 'events' AS kind, instance, producer, predecessor AS missing, sequence AS before, time
    FROM mt5redis.events later
    WHERE predecessor > 0
        AND NOT EXISTS (SELECT FROM mt5redis.events one
            WHERE one.instance = later.instance AND one.producer = later.producer AND one.sequence = later.predecessor)
        AND EXISTS (SELECT FROM mt5redis.events one
            WHERE one.instance = later.instance AND one.producer = later.producer AND one.sequence < later.predecessor)
    UNION ALL
    SELECT 'signals' AS kind, instance, producer, predecessor AS missing, sequence AS before, time
    FROM mt5redis.signals later
    WHERE predecessor > 0
        AND NOT EXISTS (SELECT FROM mt5redis.signals one
            WHERE one.instance = later.instance AND one.producer = later.producer AND one.sequence = later.predecessor)
        AND EXISTS (SELECT FROM mt5redis.signals one
            WHERE one.instance = later.instance AND one.producer = later.producer AND one.sequence < later.predecessor)
    UNION ALL
    SELECT 'reports' AS kind, instance, producer, predecessor AS missing, sequence AS before, time
    FROM mt5redis.reports later
    WHERE predecessor > 0
        AND NOT EXISTS (SELECT FROM mt5redis.reports one
            WHERE one.instance = later.instance AND one.producer = later.producer AND one.sequence = later.predecessor)
        AND EXISTS (SELECT FROM mt5redis.reports one
            WHERE one.instance = later.instance AND one.producer = later.producer AND one.sequence < later.predecessor);
