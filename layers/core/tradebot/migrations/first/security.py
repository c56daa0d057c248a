"""Roles, grants, row level security, functions and triggers as the first revision makes them."""

#: The user of the transaction; NULL, which equals nothing, where none is set. A reused connection leaves '' behind.
CURRENT_USER_ID = "NULLIF(current_setting('app.user_id', true), '')::int"

#: Every table belongs to users; each row says whose it is in this column.
TENANT_TABLES = {
    "users": "id",
    "api_keys": "user_id",
    "bot_configs": "user_id",
    "bot_states": "user_id",
    "orders": "user_id",
    "fills": "user_id",
    "trades": "user_id",
    "backtests": "user_id",
}

#: The functions' roles. app_lookup is nobody's: it owns the one function that answers before a user is known.
ROLES = ("app_api", "app_worker", "app_dispatcher", "app_maintenance", "app_lookup")

#: For sessions that log in as the role. Those that switch to it send the same at their start (repositories.session).
ROLE_SETTINGS = {
    "statement_timeout": "10s",
    "lock_timeout": "3s",
    "idle_in_transaction_session_timeout": "15s",
    "idle_session_timeout": "2min",
}

GRANTS = """
GRANT USAGE ON SCHEMA public TO app_api, app_worker, app_dispatcher, app_maintenance, app_lookup;

GRANT SELECT, INSERT, UPDATE, DELETE ON users, api_keys, bot_configs, backtests TO app_api;
GRANT SELECT, INSERT, UPDATE ON bot_states TO app_api;
GRANT SELECT ON orders, fills, trades TO app_api;
-- Ids that have to be known before their row is: row level security and the key's encryption context name them.
GRANT USAGE ON SEQUENCE users_id_seq, api_keys_id_seq TO app_api;

GRANT SELECT (id, is_active) ON users TO app_worker;
GRANT SELECT, UPDATE (is_valid, checked_at, check_error, updated_at) ON api_keys TO app_worker;
GRANT SELECT, UPDATE (is_active, updated_at) ON bot_configs TO app_worker;
GRANT SELECT, UPDATE ON bot_states, backtests TO app_worker;
GRANT SELECT, INSERT, UPDATE ON orders, trades TO app_worker;
GRANT SELECT, INSERT ON fills TO app_worker;

-- Across users, but only who is due and, for maintenance, whose key waits for its check.
GRANT SELECT (id, user_id, next_run_at) ON bot_states TO app_dispatcher, app_maintenance;
GRANT SELECT (id, user_id, is_active, timeframe) ON bot_configs TO app_dispatcher;
GRANT SELECT (id, user_id, is_valid, checked_at) ON api_keys TO app_maintenance;

GRANT SELECT (id, email, hashed_password, is_active, token_version) ON users TO app_lookup;
"""

POLICIES_ACROSS_USERS = """
CREATE POLICY scheduled_bots ON bot_states FOR SELECT TO app_dispatcher, app_maintenance
    USING (next_run_at IS NOT NULL);
CREATE POLICY active_bots ON bot_configs FOR SELECT TO app_dispatcher USING (is_active);
CREATE POLICY keys_to_check ON api_keys FOR SELECT TO app_maintenance USING (true);
CREATE POLICY lookup ON users FOR SELECT TO app_lookup USING (true);
"""

#: The owner is subject to FORCE as well, so the function belongs to a role whose policy lets it see what it answers.
LOOKUP = """
CREATE FUNCTION app_user_by_email(address text)
    RETURNS TABLE (id int, hashed_password varchar, is_active boolean, token_version int)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT u.id, u.hashed_password, u.is_active, u.token_version
        FROM public.users AS u
        WHERE u.email = lower(address)
    $$;
REVOKE ALL ON FUNCTION app_user_by_email(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app_user_by_email(text) TO app_api;
GRANT CREATE ON SCHEMA public TO app_lookup;
ALTER FUNCTION app_user_by_email(text) OWNER TO app_lookup;
REVOKE CREATE ON SCHEMA public FROM app_lookup;
"""

TRIGGERS = """
CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;
CREATE FUNCTION touch_last_updated_at() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    NEW.last_updated_at := now();
    RETURN NEW;
END
$$;
CREATE TRIGGER touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON api_keys FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON bot_configs FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON bot_states FOR EACH ROW EXECUTE FUNCTION touch_last_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON backtests FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

-- Deleting a key empties api_key_id, which for an active bot would turn real trading into paper trading.
CREATE FUNCTION refuse_to_take_an_active_bots_key() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.users WHERE id = OLD.user_id) THEN
        RETURN NEW;  -- the account is going, and its bots with it
    END IF;
    RAISE EXCEPTION 'bot % is active: its key cannot be changed or deleted', OLD.id
        USING ERRCODE = 'restrict_violation', TABLE = 'bot_configs', CONSTRAINT = 'active_bot_keeps_its_key';
END
$$;
CREATE TRIGGER active_bot_keeps_its_key BEFORE UPDATE OF api_key_id ON bot_configs FOR EACH ROW
    WHEN (OLD.is_active AND NEW.is_active AND OLD.api_key_id IS NOT NULL
          AND NEW.api_key_id IS DISTINCT FROM OLD.api_key_id)
    EXECUTE FUNCTION refuse_to_take_an_active_bots_key();
"""
