package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"go.uber.org/zap"
)

const (
	// leastFree is how much room there must be: a day of comments with pictures, and then some.
	leastFree = 1 << 30
	// backupEvery is how old the last backup may be.
	backupEvery = 8 * 24 * time.Hour
	// lastBackupName is the file in the data folder in which `backup` writes down when it last made a whole one.
	lastBackupName = "last-backup.json"
)

// lastBackup is what `backup` writes down.
type lastBackup struct {
	Made time.Time `json:"made"`
	To   string    `json:"to"`
}

// noteBackup writes down that a backup was made. If we die before it, doctor asks for a backup too early.
func noteBackup(folder string, b lastBackup) error {
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, lastBackupName), append(text, '\n'), 0o600)
}

// readLastBackup reads what noteBackup wrote.
func readLastBackup(folder string) (last lastBackup, err error) {
	text, err := os.ReadFile(filepath.Join(folder, lastBackupName))
	if err == nil {
		err = json.Unmarshal(text, &last)
	}
	return last, err
}

// house looks at what is on this machine. It opens nothing for writing: opening the books would bring their schema forward.
func (d *doctor) house(ctx context.Context, cfg Config, offline bool) {
	d.secrets(cfg)
	at, err := cfg.place()
	if err != nil {
		d.line(false, "database", "database", "Databasens adress går inte att läsa: "+err.Error(), "The database's address cannot be read: "+err.Error())
		return
	}
	if at.missing() {
		d.line(true, "database", "database", "Det finns inga böcker än. De görs när tjänsten startar, eller av takhojd user add.",
			"There are no books yet. They are made when the service starts, or by takhojd user add.")
	} else {
		d.key(at)
		if at.server == "" || !offline {
			d.database(ctx, at)
		}
		d.backup(at)
	}
	d.disk(at.folder)
	if !offline && cfg.Redis.used() {
		d.redis(ctx, cfg)
	}
	if !offline {
		d.service(ctx, cfg)
	}
}

// secrets looks at who may read the files that hold secrets.
func (d *doctor) secrets(cfg Config) {
	bad := 0
	for _, s := range cfg.secretFiles() {
		if *s == "" {
			continue
		}
		info, err := os.Stat(*s)
		switch {
		case err != nil:
			d.line(false, "secrets", "secrets", "Filen "+*s+" går inte att läsa. Lägg hemligheten där.", "The file "+*s+" cannot be read. Put the secret there.")
		case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
			d.line(false, "secrets", "secrets", fmt.Sprintf("Filen %s kan läsas av andra (%04o). Kör chmod 600 på den.", *s, info.Mode().Perm()),
				fmt.Sprintf("The file %s can be read by others (%04o). Run chmod 600 on it.", *s, info.Mode().Perm()))
		default:
			continue
		}
		bad++
	}
	if bad == 0 {
		d.line(true, "secrets", "secrets", "Bara ägaren kan läsa filerna med hemligheter.", "Only their owner can read the files that hold secrets.")
	}
}

func (d *doctor) key(at place) {
	path := filepath.Join(at.folder, keyName)
	info, err := os.Stat(path)
	switch {
	case err != nil:
		d.line(false, "key", "key", path+" saknas. Lägg tillbaka nyckeln från säkerhetskopian.", path+" is missing. Put the key back from the backup.")
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		d.line(false, "key", "key", "Loggens nyckel kan läsas av andra. Kör chmod 600 "+path+".", "The log's key can be read by others. Run chmod 600 "+path+".")
	default:
		d.line(true, "key", "key", "Loggens nyckel finns, och bara ägaren kan läsa den.", "The log's key is there, and only its owner can read it.")
	}
}

// database asks the books one question.
func (d *doctor) database(ctx context.Context, at place) {
	engine, source := "pgx", at.server
	if at.server == "" {
		engine = "sqlite"
		source = (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: at.database()}).EscapedPath(), RawQuery: "mode=ro&_pragma=busy_timeout(5000)"}).String()
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	db, err := sql.Open(engine, source)
	var waiting int
	if err == nil {
		defer db.Close()
		err = db.QueryRowContext(ctx, "SELECT count(*) FROM flags WHERE closed_at = 0").Scan(&waiting)
	}
	if err != nil { // a driver's error may hold the address, and that a password
		d.line(false, "database", "database", "Databasen svarar inte. Se efter att den är igång, att adressen stämmer och att vi får läsa i den.",
			"The database does not answer. See that it runs, that the address is right, and that we may read it.")
		return
	}
	d.line(true, "database", "database", fmt.Sprintf("Databasen svarar. Kommentarer som väntar på granskning: %d.", waiting),
		fmt.Sprintf("The database answers. Comments that wait for review: %d.", waiting))
}

// redis looks whether Redis answers and has room.
func (d *doctor) redis(ctx context.Context, cfg Config) {
	const name = "redis"
	var version string
	streams, err := cfg.streams("doctor", zap.NewNop(), nil)
	if err == nil {
		version, err = streams.Check(ctx)
		err = errors.Join(err, streams.Close())
	}
	if err != nil {
		d.line(false, name, name, "Redis svarar inte, eller har inte plats: "+err.Error()+". Ingenting går förlorat. Så länge frågas databasen i stället.",
			"Redis does not answer, or has no room: "+err.Error()+". Nothing is lost. Meanwhile the database is asked instead.")
		return
	}
	d.line(true, name, name, "Redis "+version+" svarar och tar emot.", "Redis "+version+" answers and takes what is written.")
}

func (d *doctor) backup(at place) {
	const name = "backup"
	last, err := readLastBackup(at.folder)
	switch day := last.Made.Format(time.DateOnly); {
	case err != nil && at.server != "":
		d.line(true, name, name, "Ingen säkerhetskopia är gjord med takhojd backup. Se till att databasen kopieras på annat sätt, och nyckeln med den.",
			"No backup was made with takhojd backup. See to it that the database is copied otherwise, and the key with it.")
	case err != nil:
		d.line(false, name, name, "Ingen säkerhetskopia är gjord. Kör takhojd backup, och låt det ske varje natt.",
			"No backup was made. Run takhojd backup, and let it happen every night.")
	case d.now.Sub(last.Made) > backupEvery:
		d.line(false, name, name, "Senaste säkerhetskopian är från "+day+". Kör takhojd backup, och låt det ske varje natt.",
			"The last backup is from "+day+". Run takhojd backup, and let it happen every night.")
	default:
		d.line(true, name, name, "Senaste säkerhetskopian är från "+day+".", "The last backup is from "+day+".")
	}
}

// disk looks at the room where the books are, or will be.
func (d *doctor) disk(folder string) {
	for {
		if _, err := os.Stat(folder); err == nil || folder == filepath.Dir(folder) {
			break
		}
		folder = filepath.Dir(folder)
	}
	free, err := freeSpace(folder)
	if err != nil {
		return // there is no telling here
	}
	room := fmt.Sprintf("%.1f GiB", float64(free)/(1<<30))
	if free < leastFree {
		d.line(false, "disk", "disk", "Disken är nästan full: "+room+" ledigt. Ge den mer plats, annars tas inga kommentarer emot.",
			"The disk is nearly full: "+room+" free. Give it room, or no comments are taken in.")
		return
	}
	d.line(true, "disk", "disk", room+" ledigt på disken.", room+" free on the disk.")
}

// notifyFailing is the metric of a running service that says that nobody can be told at a place.
const notifyFailing = "takhojd_notify_failing{"

// service asks the running service, where it says where it listens, whether it is ready, and whom it cannot tell.
func (d *doctor) service(ctx context.Context, cfg Config) {
	const name = "service"
	host, port, err := net.SplitHostPort(cfg.Operations.Address)
	if err != nil || port == "0" {
		return
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "localhost"
	}
	base := "http://" + net.JoinHostPort(host, port)
	status, _, err := get(ctx, base+"/readyz")
	switch {
	case err != nil:
		d.line(true, name, name, "Tjänsten är inte igång på den här maskinen.", "The service does not run on this machine.")
		return
	case status != http.StatusOK:
		d.line(false, name, name, "Tjänsten är igång men databasen tar inte emot. Se i loggen varför.", "The service runs, but the database takes nothing. The log says why.")
	default:
		d.line(true, name, name, "Tjänsten är igång och tar emot.", "The service runs and takes in.")
	}
	_, metrics, err := get(ctx, base+"/metrics")
	if err != nil {
		return
	}
	for lines := bufio.NewScanner(strings.NewReader(metrics)); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), notifyFailing); ok && !strings.HasSuffix(rest, " 0") {
			to := strings.TrimPrefix(rest[:strings.LastIndex(rest, "}")], "to=")
			d.line(false, "notify", "notify", "Meddelanden når inte fram till "+to+". Kör takhojd notify test.", "Messages do not reach "+to+". Run takhojd notify test.")
		}
	}
}

func get(ctx context.Context, address string) (status int, body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", errors.New("no answer")
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 4<<20))
	return res.StatusCode, string(b), err
}
