"""Texts with invented secrets at known places, and texts that only look as if they had some.

``KNOWN`` frames and keys are what the detectors were written with; ``HELD_OUT`` ones were written
afterwards. Of passwords this is the fourth such set; at first sight of it 8.3 % leaked, all in two
command lines, which are among the known now.
"""

import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass

ALNUM = string.ascii_letters + string.digits
BASE64 = ALNUM + "+/"
URLSAFE = ALNUM + "-_"
BASE36 = string.ascii_lowercase + string.digits
HEX = "0123456789abcdef"
WORDS = (
    *("summer", "winter", "dragon", "harbour", "lantern", "copper", "velvet", "thunder", "orchid"),
    *("pepper", "falcon", "meadow", "rocket", "silver", "walnut", "marble", "canyon", "ember"),
)


@dataclass(frozen=True)
class Sample:
    """A text, and where its secret stands."""

    text: str
    start: int
    end: int
    form: str


class Draw:
    """Invented secrets from a seeded generator."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def of(self, alphabet: str, length: int) -> str:
        return "".join(self.random.choices(alphabet, k=length))

    def uuid(self) -> str:
        return "-".join(self.of(HEX, size) for size in (8, 4, 4, 4, 12))

    def password(self) -> str:
        """Return a password as people or generators make them."""
        word, other = self.random.sample(WORDS, 2)
        digits = self.random.randint(1, 9999)
        sign = self.random.choice("!@#$%&*?")
        return self.random.choice(
            (
                f"{word.title()}{digits}{sign}",
                f"{word}{other}{digits}",
                f"{word.title()}-{other.title()}-{digits}",
                word.replace("e", "3").replace("o", "0").title() + sign + str(digits),
                self.of(ALNUM, self.random.randint(10, 20)),
                self.of(ALNUM + "!@#%^*_-", self.random.randint(12, 24)),
                f"{word}_{other}_{digits}",
            )
        )

    def jwt(self) -> str:
        return f"eyJhbGciOiJIUzI1NiJ9.eyJ{self.of(URLSAFE, 60)}.{self.of(URLSAFE, 43)}"


Maker = Callable[[Draw], str]
KNOWN_KEYS: dict[str, Maker] = {
    "aws id": lambda d: "AKIA" + d.of(string.ascii_uppercase + "234567", 16),
    "google": lambda d: "AIza" + d.of(URLSAFE, 35),
    "google oauth": lambda d: "ya29." + d.of(URLSAFE, 60),
    "entra": lambda d: d.of(ALNUM, 3) + "8Q~" + d.of(ALNUM + "_~.-", 34),
    "digitalocean": lambda d: "dop_v1_" + d.of(HEX, 64),
    "github": lambda d: "ghp_" + d.of(ALNUM, 36),
    "github fine": lambda d: f"github_pat_{d.of(ALNUM, 22)}_{d.of(ALNUM, 59)}",
    "gitlab": lambda d: "glpat-" + d.of(URLSAFE, 20),
    "atlassian": lambda d: "ATATT3xFfGF0" + d.of(URLSAFE, 60),
    "npm": lambda d: "npm_" + d.of(ALNUM, 36),
    "pypi": lambda d: "pypi-AgEIcHlwaS5vcmc" + d.of(URLSAFE, 70),
    "docker": lambda d: "dckr_pat_" + d.of(URLSAFE, 27),
    "rubygems": lambda d: "rubygems_" + d.of(HEX, 48),
    "openai": lambda d: "sk-proj-" + d.of(URLSAFE, 60),
    "anthropic": lambda d: "sk-ant-api03-" + d.of(URLSAFE, 80),
    "hugging face": lambda d: "hf_" + d.of(ALNUM, 34),
    "groq": lambda d: "gsk_" + d.of(ALNUM, 52),
    "slack": lambda d: (
        f"xoxb-{d.of(string.digits, 12)}-{d.of(string.digits, 13)}-{d.of(ALNUM, 24)}"
    ),
    "slack hook": lambda d: (
        "https://hooks.slack.com/services/T"
        + d.of(ALNUM, 8)
        + "/B"
        + d.of(ALNUM, 8)
        + "/"
        + d.of(ALNUM, 24)
    ),
    "telegram": lambda d: d.of("123456789", 9) + ":AA" + d.of(URLSAFE, 33),
    "stripe": lambda d: "sk_live_" + d.of(ALNUM, 24),
    "stripe hook": lambda d: "whsec_" + d.of(ALNUM, 32),
    "square": lambda d: "sq0atp-" + d.of(URLSAFE, 22),
    "sendgrid": lambda d: f"SG.{d.of(URLSAFE, 22)}.{d.of(URLSAFE, 43)}",
    "mailgun": lambda d: "key-" + d.of(HEX, 32),
    "mailchimp": lambda d: d.of(HEX, 32) + "-us12",
    "twilio": lambda d: "SK" + d.of(HEX, 32),
    "shopify": lambda d: "shpat_" + d.of(HEX, 32),
    "vault": lambda d: "hvs." + d.of(URLSAFE, 40),
    "databricks": lambda d: "dapi" + d.of(HEX, 32),
    "grafana": lambda d: f"glsa_{d.of(ALNUM, 32)}_{d.of(HEX, 8)}",
    "notion": lambda d: "ntn_" + d.of(ALNUM, 46),
    "postman": lambda d: f"PMAK-{d.of(HEX, 24)}-{d.of(HEX, 34)}",
    "jwt": Draw.jwt,
    "bcrypt": lambda d: "$2b$12$" + d.of(ALNUM + "./", 53),
    "random": lambda d: d.of(ALNUM, 40),
}
HELD_OUT_KEYS: dict[str, Maker] = {
    "airtable": lambda d: f"pat{d.of(ALNUM, 14)}.{d.of(HEX, 64)}",
    "cloudflare": lambda d: d.of(URLSAFE, 40),
    "convex": lambda d: "prod:" + d.of(BASE64, 44),
    "sonarqube": lambda d: "squ_" + d.of(HEX, 40),
    "snyk": Draw.uuid,
    "launchdarkly": lambda d: "sdk-" + d.uuid(),
    "segment": lambda d: d.of(ALNUM, 32),
    "cohere": lambda d: d.of(ALNUM, 40),
    "datadog": lambda d: d.of(HEX, 32),
    "okta": lambda d: "00" + d.of(URLSAFE, 40),
    "discourse": lambda d: d.of(HEX, 64),
    "laravel": lambda d: f"base64:{d.of(BASE64, 43)}=",
    "made-up vendor": lambda d: "acme_live_" + d.of(BASE36, 32),
    "made-up hex": lambda d: "vnd-" + d.of(HEX, 40),
}
KNOWN_KEY_FRAMES = (
    "{}",
    "The key is {}, please rotate it.",
    "export API_KEY={}",
    'api_key = "{}"',
    '{{"apiKey": "{}"}}',
    "Authorization: Bearer {}",
    "curl -H 'X-Api-Key: {}' https://api.example.com/v1/items",
    "https://api.example.com/v1/items?api_key={}&page=2",
    "token: {}",
    "I pasted `{}` into the wrong channel",
)
HELD_OUT_KEY_FRAMES = (
    "SERVICE_API_TOKEN='{}' ./deploy.sh --region eu",
    'const client = new Client({{ apiKey: "{}", retries: 3 }});',
    "    api-key: {}\n    timeout: 30",
    "Here's the new API key for staging: {} (expires Friday)",
    '<add key="ApiKey" value="{}" />',
    "--set secrets.token={} \\",
)
KNOWN_FRAMES = (
    "export DB_PASSWORD={}",
    "DB_PASSWORD='{}'",
    "password: {}",
    '  password: "{}"',
    '{{"user": "bob", "password": "{}"}}',
    "password = {}",
    "db.password={}",
    "spring.datasource.password={}",
    "<password>{}</password>",
    "postgres://bob:{}@db.example.com:5432/app",
    "Server=db;Database=app;User Id=sa;Password={};Encrypt=true",
    "jdbc:mysql://db/app?user=bob&password={}&useSSL=true",
    "mysqldump -u root -p{} app > dump.sql",
    "curl -u bob:{} https://example.com/api",
    "sshpass -p '{}' ssh bob@host",
    "docker login -u bob -p {} registry.example.com",
    "tool --password {} --verbose",
    "tool --password={}",
    "machine example.com login bob password {}",
    "db.example.com:5432:app:bob:{}",
    'const dbPassword = "{}";',
    'let pwd: String = "{}".into();',
    'os.environ["DB_PASSWORD"] = "{}"',
    "define('DB_PASSWORD', '{}');",
    'conn.setPassword("{}");',
    'String password = "{}";',
    "password => '{}',",
    "ENV ADMIN_PASSWORD {}",
    "PGPASSWORD={} psql -h db",
    "- name: DB_PASSWORD\n  value: {}",
    "My password is {} and it does not work.",
    "The wifi password: {}",
    "pw: {}",
    "Login: bob / {}",
    "Passwort: {}",
    "contraseña: {}",
    "mot de passe : {}",
    "hasło: {}",
    "credentials are bob:{}",
    "The password for the staging database is {}.",
    "I changed the password to {} yesterday",
    "pass={}",
    'MYSQL_ROOT_PASSWORD: "{}"',
    "$env:ADMIN_PASSWORD = '{}'",
    "ENV['SMTP_PASSWORD'] = '{}'",
    "requirepass {}",
    "ansible_become_pass: {}",
    'smtp_password = "{}" # relay',
    "ftp://deploy:{}@files.example.com/in",
    "amqp://worker:{}@queue:5672/%2f",
    "mongodb+srv://app:{}@cluster0.example.net/prod",
    "User ID=sa;Pwd={};Initial Catalog=app",
    "[client]\nuser=bob\npassword={}\n",
    'req.SetBasicAuth("bob", "{}")',
    'ConvertTo-SecureString "{}" -AsPlainText -Force',
    "ALTER USER bob WITH PASSWORD '{}';",
    "CREATE USER 'bob'@'%' IDENTIFIED BY '{}';",
    "net use Z: \\\\server\\share {} /user:bob",
    "echo '{}' | sudo -S apt update",
    "openssl rsa -in key.pem -passin pass:{}",
    "redis-cli -h cache -a {} ping",
    "Hi, your temporary password is {}",
    "use {} as the password for now",
    "pwd for the vpn is {}",
    "username bob password {}",
    "Senha: {}",
    "wachtwoord: {}",
    "пароль: {}",
    "密码\uff1a{}",
    'The admin account\'s passphrase is "{}"',
    "vault kv put secret/app password={}",
    "git clone https://bob:{}@git.example.com/app.git",
    "kubectl create secret generic db --from-literal=password={}",
    "Password for bob: {}",
    "ldapsearch -D cn=admin -w {} -b dc=example",
    "wpa_passphrase Home {}",
    'psk="{}"',
    "username admin privilege 15 password 0 {}",
    "rabbitmqctl change_password bob {}",
    "ALTER ROLE bob PASSWORD '{}'",
    "PASSWORD = os.getenv('DB_PASSWORD', '{}')",
    "my pass is {}",
    "password - {}",
    "password -> {}",
    "log in with bob@example.com and {}",
    "user bob, pwd {}",
    "パスワードは{}です",
    "Das Passwort lautet {}",
    "la password è {}",
    "heslo je {}",
    "salasana on {}",
    "spring:\n  mail:\n    password: {}\n",
    "var dbPass = '{}'",
    "config.secret_key_base = '{}'",
    "smtps://mailer:{}@smtp.example.com:465",
    'psql "host=db user=bob password={} dbname=app"',
    'System.setProperty("javax.net.ssl.keyStorePassword", "{}");',
    "keytool -list -keystore app.jks -storepass {}",
    "htpasswd -b .htpasswd bob {}",
    "Set-ADAccountPassword -Identity bob -NewPassword (ConvertTo-SecureString '{}' -AsPlainText)",
    "gpg --batch --passphrase {} -d backup.gpg",
    "borg_passphrase={}",
    "wget --http-user=bob --http-password={} https://example.com/f",
    "GRANT ALL ON app.* TO 'bob'@'%' IDENTIFIED BY \"{}\";",
    '<property name="connection.password">{}</property>',
    '"Password" = "{}";',
    "Zugangsdaten: Benutzer bob, Passwort {}",
    "el usuario es bob y la contraseña es {}",
    "identifiant bob, mot de passe {}",
    "adgangskode: {}",
    "Your new login password: {}",
    "Guest wifi is HotelGuest, password {}",
    "can you check if {} still works as the admin password?",
    "The root pw on that box is {}, same as last year",
    "datasource:\n  url: jdbc:h2:mem\n  username: sa\n  password: '{}'",
    "TF_VAR_db_password={} terraform apply",
    "az sql server create --admin-user bob --admin-password {}",
    "cqlsh -u cassandra -p {} node1",
    "Data Source=db;User=sa;PWD='{}';",
    'private static final String PASSPHRASE = "{}";',
    "passwd = r'{}'",
    "imap.login('bob@example.com', '{}')",
    "s3cmd --access_key=AK --secret_key={}",
    "secrets:\n  db_root:\n    value: {}",
    "| user | bob | password | {} |",
    "EXEC sp_addlogin 'bob', '{}'",
    "Host: box1, user: root, pass: {}",
    "Benutzername: bob\nKennwort: {}",
    "Utilisateur bob / mot de passe {}",
    "hasło do serwera to {}",
    "Contraseña temporal: {}",
    "the combination of bob and password {} fails",
    "Tried {} but it says wrong password",
    "PS: pw is {}",
    "subject: new password\n\n{}",
    "Our shared vault password has been set to {}",
    "echo 'bob:{}' | chpasswd",
    "net user bob {} /add",
    "He told me his PIN and that the safe's password is {}.",
)
HELD_OUT_FRAMES = (
    "My GitHub password is {}, can you check the settings?",
    "Hey, can you log me in? User anna, password {}",
    "Reset complete. New password: {}\nPlease change it at first login.",
    "I forgot whether I set the password as {} or something else.",
    "[database]\nhost = db1\nuser = app\npasswd = {}\n",
    "  db:\n    environment:\n      POSTGRES_PASSWORD: {}\n",
    "      - REDIS_PASSWORD={}",
    'resource "db" "main" {{\n  master_password = "{}"\n}}',
    "conn = psycopg2.connect(host='db', user='app', password='{}')",
    "await mongoose.connect('mongodb://root:{}@mongo:27017/app');",
    "DATABASE_URL=mysql://app:{}@127.0.0.1/app",
    'var cs = "Server=.;User Id=sa;Password={};";',
    'props.put("mail.smtp.password", "{}");',
    "PASS='{}'; sshpass -p $PASS ssh root@box",
    "smbmap -u bob -p '{}' -H 10.0.0.5",
    "The Wi-Fi at the office: network Lighthouse, password {}",
    "Die Anmeldung: Benutzer anna, Kennwort {}",
    "Mi clave es {} y no funciona",
    "Mon mot de passe est {}.",
    "Zaloguj się hasłem {}",
    "the door code, the alarm and the admin password ({}) are in the safe",
    "2024-05-01 12:00:01 DEBUG auth user=bob password={} ok=1",
    '{{"auth": {{"user": "bob", "pass": "{}"}}}}',
)
CLEAN = (
    "commit {hex40}\nAuthor: someone\n\n    Fix the token refresh",
    "git checkout {hex40}",
    "Merge {hex40} into main; see {hex7}",
    "sha256:{hex64}",
    '"integrity": "sha512-{b64_88}"',
    "id: {uuid}",
    "GET /orders/{uuid}/items HTTP/1.1",
    '<img src="data:image/png;base64,iVBORw0KGgo{b64_200}">',
    "image: registry.example.com/app@sha256:{hex64}",
    '"thumbnail": "/9j/{b64_200}"',
    "-----BEGIN CERTIFICATE-----\nMIID{b64_60}\n-----END CERTIFICATE-----",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{b64_43} bob@host",
    '!function(e,t){{"object"==typeof exports?t(exports):t(e.l1b2={{}})}}(this,function(n){{}})',
    "e.exports=function(t,n){{return n.p=t.d+r/2-o.k*3,t.Xz=n.Yq+s.B7}}",
    "M12.5 3.2c-1.1 0-2.1.4-2.8 1.2L4.3 9.8z",
    "def reset_password(token: str, password: str | None = None) -> None:",
    "password = request.form['password']",
    "token = get_token(user)",
    "const password = process.env.DB_PASSWORD;",
    "api_key=os.environ['API_KEY']",
    "password: ${{DB_PASSWORD}}",
    "password: {{{{ .Values.db.password }}}}",
    "DB_PASSWORD=$(cat /run/secrets/db)",
    "--password-file /run/secrets/db",
    '"max_tokens": 512, "token_type": "bearer"',
    "The password is required and must be long.",
    "Please reset my password, the token was expired.",
    "password: ********",
    "password: <your password>",
    "primary key (id), foreign key (owner)",
    "the key is under the mat; press the any key",
    "a secret is something you do not tell",
    "password = new_password",
    "self.token = token",
    "password_field = forms.CharField()",
    "class PasswordResetTokenGenerator2FA(BaseTokenGenerator):",
    "pod my-app-7d4b9c6f5-x2x9z restarted 3 times",
    "The code is hard to read; the session was long.",
    "keyboard shortcuts: ctrl+k, ctrl+shift+p",
    "arn:aws:iam::123456789012:role/service-role/MyFunctionRole2",
    "/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30",
    "org.springframework.boot.autoconfigure.SpringBootApplication2",
    "if (token == null) throw new IllegalArgumentException();",
    "type Token = string; type Password = string;",
    "password VARCHAR(255) NOT NULL,",
    "token: pieces of a word; secret: restricted",
    "The passphrase is kept under the mat, and the passphrase is required and must be long.",
    "Its passphrase for backups is stored in a safe.",
    "La clave: practicar todos los días.",
    "Sa parole: honnête et claire",
)


def filled(frame: str, secret: str, form: str) -> Sample:
    """Put a secret into a frame."""
    marked = frame.format("\0")
    start = marked.index("\0")
    return Sample(marked.replace("\0", secret), start, start + len(secret), form)


def key_samples(
    seed: int, keys: dict[str, Maker], frames: tuple[str, ...], *, each: int = 1
) -> Iterator[Sample]:
    """Yield every key in every frame."""
    draw = Draw(seed)
    for name, make in keys.items():
        for frame in frames:
            for _ in range(each):
                yield filled(frame, make(draw), f"{name} | {frame}")


def password_samples(seed: int, frames: tuple[str, ...], *, each: int) -> Iterator[Sample]:
    """Yield passwords in every frame."""
    draw = Draw(seed)
    for frame in frames:
        for _ in range(each):
            yield filled(frame, draw.password(), frame)


def clean_texts(seed: int) -> Iterator[str]:
    """Yield texts without a secret."""
    draw = Draw(seed)
    for frame in CLEAN:
        yield frame.format(
            hex7=draw.of(HEX, 7),
            hex40=draw.of(HEX, 40),
            hex64=draw.of(HEX, 64),
            uuid=draw.uuid(),
            **{f"b64_{size}": draw.of(BASE64, size) for size in (43, 60, 64, 88, 200)},
        )
