package proc
import ("testing";"time")
func TestTmpLoss(t *testing.T) {
	f := startFleet(t, "loss", 5, 15, func(*host) []string { return nil })
	f.load.mu.Lock()
	f.load.settle = 4 * time.Second
	f.load.mu.Unlock()
	f.net.lose(30)
	f.run(10 * time.Second)
	f.net.heal()
	f.agree(25 * time.Second)
	f.normal(20 * time.Second)
	f.finish()
}
